from pathlib import Path

import pytest
from service.kit.work.command_error import CommandError
from service_tools.perf import requests, scenario
from service_tools.perf.requests import write_escaped, write_quoted
from service_tools.perf.scenario import FRESH, Scenario, Step

STEP = '[[steps]]\nname = "read"\nrequest = "GET /v1/carts/${id}"\n'
EMPTY = Scenario([Step("read", "GET /")])
VALUE = '[values]\nid = {request = "GET /v1/carts", take = "data.id"}\n'


def test_a_scenario_is_read_and_found_by_the_name_of_its_file(tmp_path: Path):
    (tmp_path / "carts.toml").write_text(VALUE + STEP)
    (tmp_path / "shelves.toml").write_text(VALUE + STEP)
    assert list(scenario.find_scenarios([], tmp_path)) == ["carts", "shelves"]
    (step,) = scenario.find_scenarios(["carts"], tmp_path)["carts"].steps
    assert (step.request, step.expect, step.weight) == ("GET /v1/carts/${id}", 200, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[steps]", "carts.toml: Expected"),
        ("", "missing required field `steps`"),
        (VALUE + STEP + "widht = 3", "widht"),
        (VALUE + STEP + "weight = 0", "> 0.0"),
        (VALUE + STEP + "expect = 42", ">= 100"),
        (STEP, "read: ${id} is not known here; there are day, decimal, moment, number, uuid"),
        (VALUE + STEP + STEP, "two steps are called read"),
        (VALUE + STEP.replace("GET /", "/"), "read: write the request as a method and a path, like GET /v1/orders"),
        (VALUE + STEP + 'body = "costs $ 5"', "read: write a dollar sign that begins no ${name} as $$"),
        (VALUE + '[headers]\na = "${token}"\n' + STEP, "a: ${token} is not known"),
        (VALUE.replace("/carts", "/${cart}") + STEP, "id: ${cart} is not known"),
    ],
)
def test_a_scenario_that_cannot_be_run_is_refused_with_its_place(tmp_path: Path, text: str, message: str):
    path = tmp_path / "carts.toml"
    path.write_text(text)
    with pytest.raises(CommandError) as refused:
        scenario.read_scenario(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


def test_fresh_values_never_come_twice():
    writer = requests.RequestWriter(EMPTY, {})
    for name in FRESH:
        assert len({writer.choose(name) for _ in range(1000)}) == 1000, name


def test_values_are_written_for_the_place_where_they_stand():
    writer = requests.RequestWriter(EMPTY, {"name": ['a"b &'], "open": [True]})
    assert writer.fill("${name}", write_quoted) == "a%22b%20%26"
    assert writer.fill("${name} for $$5", write_escaped) == 'a\\"b & for $5'
    assert writer.fill("${open}", write_quoted) == "true"


def test_what_is_at_a_path_is_taken_of_every_row():
    page = {"data": [{"id": 1, "lines": [{"size": 2}, {"size": 3}]}, {"id": 4, "lines": []}], "next": "more"}
    assert requests.pick_values(page, "data.id") == [1, 4]
    assert requests.pick_values(page, "data.lines.size") == [2, 3]
    assert requests.pick_values(page, "next") == ["more"]
    assert requests.pick_values(page, "data.gone") == []


def test_a_request_has_its_values_its_length_and_the_headers_of_the_scenario():
    step = Step("create", "POST /v1/carts?of=${of}", body='{"name": "größe ${of}"}')
    made = Scenario([step], headers={"authorization": "Bearer ${token}"})
    writer = requests.RequestWriter(made, {"of": ["a/b"], "token": ["secret"]})
    head, _, body = next(requests.mix_calls([step], writer, "http://test:80")).data.partition(b"\r\n\r\n")
    assert body.decode() == '{"name": "größe a/b"}'
    assert head.splitlines()[:2] == [b"POST /v1/carts?of=a%2Fb HTTP/1.1", b"host: test:80"]
    assert b"authorization: Bearer secret" in head
    assert f"content-length: {len(body)}".encode() in head


def test_steps_are_mixed_by_their_weights_and_the_same_every_time():
    steps = [Step("often", "GET /often", weight=9), Step("seldom", "GET /seldom")]
    writer = requests.RequestWriter(Scenario(steps), {})
    mixed, again = requests.mix_calls(steps, writer, "http://test"), requests.mix_calls(steps, writer, "http://test")
    names = [next(mixed).step for _ in range(1000)]
    assert names == [next(again).step for _ in range(1000)]
    assert 850 < names.count("often") < 950
