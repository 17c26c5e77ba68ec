"""Floor 5: whoever calls with a credential of its own, on the client's pools.

A visitor and an agent are cheap: an identity, and a way to the client's desk. What has a lifetime at the
contact centre is a scope.
"""
