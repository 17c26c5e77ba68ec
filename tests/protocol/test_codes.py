"""Result codes, as data."""

from aiocc.delivery import Delivery
from aiocc.protocol.codes import Act, Code, code_table


def test_codes_are_text():
    """`0200001` and `02000001` are two codes, and a leading zero counts."""
    table = code_table([Code("0200001", "One."), Code("02000001", "Another.")])

    assert ("One.", "Another.", None) == (table["0200001"].meaning, table["02000001"].meaning, table.get("200001"))


def test_a_code_says_by_itself_what_it_proves():
    """Unless its table says otherwise, a failure code is a documented refusal after which nothing is repeated."""
    code = Code("1", "No.")

    assert (Delivery.REJECTED, Act.FAIL, "doc") == (code.proves, code.act, code.source)


def test_page_of_the_table_fills_in():
    """A code without a page of its own has the table's; everything else of it stays."""
    own = Code("1", "One.", Delivery.UNKNOWN, Act.RENEW, "code", "https://example.com/own")
    without = Code("2", "Two.", Delivery.UNKNOWN, Act.WAIT_AND_REPEAT, "inferred")
    page = "https://example.com/table"

    table = code_table([own, without], page=page)

    assert {
        "1": own,
        "2": Code("2", "Two.", Delivery.UNKNOWN, Act.WAIT_AND_REPEAT, "inferred", page),
    } == table
