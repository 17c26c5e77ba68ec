"""What users test with: the plugin in foreign projects, the guard, the simulator without sockets."""
