"""Rules of the result codes; those of the signature are in test_sim_c2."""

import pytest

FIRST = [
    {"obsCodeDesc": "The switch is busy.", "obsCode": "00605"},
    {"obsCodeDesc": "The call is rejected.", "obsCode": "00604"},
    {"obsCodeDesc": "The called party does not answer the call.", "obsCode": "00603"},
    {"obsCodeDesc": "No resource available on the ACD.", "obsCode": "00602"},
    {"obsCodeDesc": "The ACD times out.", "obsCode": "00606"},
]


def test_first_page_is_the_sample(caller):
    """The first five codes and the envelope are those of the page."""
    text = "query queryOBSResultCode Success!"
    expected = {
        "obsCodes": FIRST,
        "returnCode": "0200000",
        "resultCode": "0200000",
        "resultDesc": text,
        "totalCount": 120,
        "returnDesc": text,
    }

    assert expected == caller.obs("pageSize=5&pageNum=1").json()


def test_pages_hold_each_code_once(caller):
    """All pages together hold 120 different codes, and the page after them is empty."""
    pages = [caller.obs(f"pageSize=50&pageNum={number}").json()["obsCodes"] for number in (1, 2, 3, 4)]

    assert [50, 50, 20, 0] == [len(page) for page in pages]
    assert 120 == len({code["obsCode"] for page in pages for code in page})


def test_totals_are_settings(caller, sim):
    """Each VDN has its own number of codes; one that is not named has none."""
    sim.configure(obs_totals={7: 3})

    assert (3, 3) == (caller.obs(vdn=7).json()["totalCount"], len(caller.obs(vdn=7).json()["obsCodes"]))
    assert (0, []) == (caller.obs().json()["totalCount"], caller.obs().json()["obsCodes"])


@pytest.mark.parametrize(
    ("vdn", "query", "code"),
    [
        ("0", "pageSize=50&pageNum=1", "02000007"),
        ("10000", "pageSize=50&pageNum=1", "02000007"),
        ("-1", "pageSize=50&pageNum=1", "02000007"),
        ("x", "pageSize=50&pageNum=1", "02000006"),
        ("1", "pageSize=50", "02000001"),
        ("1", "pageNum=1&pageSize=", "02000001"),
        ("1", "pageSize=0&pageNum=1", "02000007"),
        ("1", "pageSize=51&pageNum=1", "02000007"),
        ("1", "pageSize=50&pageNum=0", "02000007"),
        ("1", "pageSize=50&pageNum=" + "9" * 30, "02000007"),
        ("1", "pageSize=5.0&pageNum=1", "02000006"),
        ("1", "pageSize=50&pageNum=1&pageNum=2", "0200001"),
    ],
)
def test_parameter_errors(caller, vdn, query, code):
    """A parameter that is missing, of another type, out of range or there twice has its documented code."""
    answer = caller.obs(query, vdn=vdn).json()

    assert (code, code) == (answer["resultCode"], answer["returnCode"])
    assert {"resultCode", "resultDesc", "returnCode", "returnDesc"} == answer.keys()


def test_limits_of_the_vdn(caller):
    """A VDN is 1 to 9999."""
    assert ["0200000", "0200000"] == [caller.obs(vdn=vdn).json()["resultCode"] for vdn in (1, 9999)]


def test_extra_query_parameters_are_ignored(caller):
    """A parameter that no page names changes nothing."""
    assert "0200000" == caller.obs("pageSize=5&pageNum=1&more=1").json()["resultCode"]


@pytest.mark.parametrize(("locale", "code"), [("zh_CN", "0200000"), ("en_US", "0200000"), ("fr_FR", "0200001")])
def test_locale(caller, locale, code):
    """The header locale is zh_CN or en_US, and descriptions are English with both."""
    assert code == caller.obs(locale=locale).json()["resultCode"]
