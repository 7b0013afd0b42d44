"""Logs of agents: each step with its tool, outcome and cost, in its run; the rest is named."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.readers.told import Told
from tests.unit.shared.readers.readings import Reading, read

AGENTS = Path(__file__).parents[3] / "data" / "agents"
LOGS = sorted(one for one in AGENTS.iterdir() if one.suffix != ".md")


def lines(objects: Iterable[Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def steps(found: Reading) -> list[dict[str, Any]]:
    made = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    for one in made:
        one["attributes"] = json.loads(one["attributes"] or "{}")
    return made


def session_line(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "sessionId": "s",
        "uuid": more.pop("uuid", "u"),
        "timestamp": "2026-01-02T03:04:05Z",
        "message": {"role": kind, "content": content, **more.pop("message", {})},
        **more,
    }


def use(name: str, call: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": arguments}


def result(call: str, text: str, *, is_error: bool = False) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": text, "is_error": is_error}


def test_a_step_of_claude_code_has_its_tool_outcome_and_tokens() -> None:
    usage = {"id": "m", "model": "c", "usage": {"input_tokens": 7, "output_tokens": 3}}
    found = read(
        lines(
            [
                session_line("user", "do it"),
                session_line("assistant", [{"type": "text", "text": "I look"}], message=usage),
                session_line("assistant", [use("Bash", "1", command="ls")], message=usage),
                session_line("user", [result("1", "no such file", is_error=True)]),
                session_line("assistant", [{"type": "text", "text": "done"}]),
            ]
        ),
        "log.txt",
    )

    assert found.facts["tool"] == "Claude Code"
    first, look, bash, last = steps(found)
    assert (first["kind"], first["text"]) == ("user", "do it")
    assert (look["attributes"]["input_tokens"], look["attributes"]["output_tokens"]) == (7, 3)
    assert (bash["tool"], bash["outcome"], bash["text"]) == (
        "Bash", "error", 'Bash({"command": "ls"})',
    )  # fmt: skip
    assert bash["attributes"]["observation"] == "no such file"
    assert "input_tokens" not in bash["attributes"], "the same message, in another line"
    assert [one["step"] for one in (first, look, bash, last)] == ["1", "2", "3", "4"]


def test_a_sub_agent_is_a_run_of_its_own() -> None:
    chain = [
        session_line("user", "main", uuid="a"),
        session_line("user", "sub asks", uuid="b", parentUuid="a", isSidechain=True),
        session_line("assistant", "sub says", uuid="c", parentUuid="b", isSidechain=True),
        session_line("assistant", "main says", uuid="d", parentUuid="a"),
        session_line("user", "other", uuid="e", isSidechain=True, agentId="x"),
    ]

    found = steps(read(lines(chain), "a.jsonl"))
    assert [(one["run"], one["step"]) for one in found] == [
        ("s", "1"), ("s/b", "1"), ("s/b", "2"), ("s", "2"), ("s/x", "1"),
    ]  # fmt: skip


def test_what_is_not_understood_is_named_and_nothing_is_dropped() -> None:
    odd = session_line("assistant", [{"type": "hologram"}])
    found = read(
        lines(
            [
                session_line("user", "a"),
                session_line("user", "b"),
                odd,
                session_line("user", [{"type": "text", "text": "c"}, {"type": "hologram"}]),
                {"type": "system", "sessionId": "s", "uuid": "y", "subtype": "turn_duration"},
                {**odd, "message": "error"},
                {"type": "file-history-snapshot", "sessionId": "s", "uuid": "x"},
                [1],
                session_line("user", [result("never called", "text")]),
            ]
        ),
        "a.jsonl",
    )

    assert [one.number for one in found.bad] == [3, 6, 8]
    assert "hologram" in found.bad[0].reason
    assert found.warned["no-step: lines of type file-history-snapshot"].count == 1
    assert [one["text"] for one in steps(found)] == ["a", "b", "c", "text"]
    assert steps(found)[2]["attributes"]["not_understood"] == ["hologram"]
    assert any("hologram" in one.text for one in found.warned.values())
    assert any("turn_duration" in one.text for one in found.warned.values())


def test_a_trajectory_of_swe_agent() -> None:
    trajectory = {
        "environment": "env",
        "history": [{"role": "system", "content": "rules"}, {"role": "assistant", "content": ""}],
        "trajectory": [
            {"thought": "look", "action": "ls -a\n", "observation": "main.py", "response": "r"},
            {"thought": "end", "action": "submit", "observation": "", "state": "{}"},
        ],
        "info": {"exit_status": "submitted", "submission": "diff", "model_stats": {
            "instance_cost": 0.5, "tokens_sent": 10, "tokens_received": 2}},
    }  # fmt: skip

    rules, look, end = steps(read(json.dumps(trajectory, indent=1), "a.traj"))
    assert (rules["kind"], rules["text"]) == ("system", "rules")
    assert (look["text"], look["tool"]) == ("look\nls -a", "ls")
    assert look["attributes"]["observation"] == "main.py"
    assert end["attributes"]["outcome"] == "submitted"
    assert (end["attributes"]["cost"], end["attributes"]["input_tokens"]) == (0.5, 10)


def test_a_trajectory_of_mini_swe_agent() -> None:
    messages = [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "fix it"},
        {"role": "assistant", "content": "I look\n```bash\nls\n```", "extra": {"cost": 0.25}},
        {"role": "user", "content": "<returncode>2</returncode>\n<output>\nno</output>"},
        {"role": "assistant", "content": "done"},
    ]
    document = {"info": {"exit_status": "Submitted", "submission": "x"}, "messages": messages}

    for data in (messages, document):
        found = steps(read(json.dumps(data), "a.traj.json"))
        assert [one["kind"] for one in found] == ["system", "user", "assistant", "assistant"]
        assert (found[2]["tool"], found[2]["outcome"]) == ("bash", "error: 2")
        assert found[2]["attributes"]["cost"] == 0.25
    assert found[3]["attributes"]["final_answer"] == "x"


def test_a_chat_a_line_and_a_message_a_line() -> None:
    ask = {"role": "user", "content": [{"type": "text", "text": "2+2?"}]}
    called = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "[2,2]"}}
    chat = [
        ask,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "1", "content": "4"},
        {"role": "assistant", "content": "4"},
    ]

    one_each = steps(read(lines([{"messages": chat}, {"messages": chat, "id": "n"}]), "a.jsonl"))
    assert [(one["run"], one["step"]) for one in one_each][2:4] == [("1", "3"), ("n", "1")]
    found = steps(read(lines(chat), "a.jsonl"))
    assert [one["text"] for one in found] == ["2+2?", "add([2,2])", "4"]
    assert (found[1]["tool"], found[1]["outcome"]) == ("add", "ok")
    assert found[1]["attributes"]["observation"] == "4"


def pairs(**said: Any) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": name, "value": {kinds[type(one)]: str(one) if type(one) is int else one}}
        for name, one in said.items()
    ]


def span(own: str, begin: int, parent: str = "", code: int = 0, **said: Any) -> dict[str, Any]:
    return {
        "traceId": "t", "spanId": own, "parentSpanId": parent, "name": f"span {own}",
        "startTimeUnixNano": str(1_700_000_000_000_000_000 + begin), "attributes": pairs(**said),
        "status": {"code": code},
    }  # fmt: skip


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def test_spans_in_the_words_of_genai_and_of_openinference() -> None:
    said = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}])
    spans = [
        span("c", 30, "b", code=2, **{"gen_ai.tool.name": "search", "input.value": "cats"}),
        span("b", 20, "a", **{"gen_ai.operation.name": "invoke_agent", "input.value": "sub"}),
        span("a", 10, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": said,
                         "gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": 0.5}),
        span("d", 40, "a", **{"openinference.span.kind": "LLM", "llm.token_count.prompt": 9,
                              "llm.output_messages.0.message.content": "spoken"}),
        span("e", 50, "a", **{"http.method": "GET"}),
    ]  # fmt: skip

    for data in (lines([export(one) for one in spans]), json.dumps(export(*spans))):
        found = read(data, "traces.json")
        assert found.facts["tool"] == "OpenTelemetry"
        top, sub, tool, spoken = steps(found)
        assert (top["run"], top["text"], top["outcome"]) == ("t", "hello", "ok")
        assert (top["attributes"]["input_tokens"], top["attributes"]["cost"]) == (5, 0.5)
        assert (sub["run"], tool["run"], spoken["run"]) == ("t/b", "t/b", "t")
        assert (tool["tool"], tool["outcome"], tool["text"]) == ("search", "error", "search(cats)")
        assert (spoken["text"], spoken["attributes"]["input_tokens"]) == ("spoken", 9)
        (passed,) = found.warned.values()
        assert "spans without a word of GenAI" in passed.text


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("representative_messages.jsonl", ["user", "assistant"] * 2 + ["assistant", "user"]
         + ["assistant"] * 2 + ["user", "summary"]),
        ("misc__networking_1.traj", ["system", "user"] + ["assistant"] * 4),
        ("github_issue.traj.json", ["system", "user"] + ["assistant"] * 10 + ["user"]),
    ],
)  # fmt: skip
def test_real_logs(name: str, kinds: list[str]) -> None:
    found = read((AGENTS / name).read_bytes(), name)

    assert [one["kind"] for one in steps(found)] == kinds
    assert found.bad == []


def test_other_json_is_no_log_of_an_agent() -> None:
    assert read(lines([{"id": 1, "content": "x"}]), "a.jsonl").recognised.format == "jsonl"
    chat = lines([{"role": "user", "content": "x"}])
    assert read(chat, "a.jsonl", Told(format="jsonl")).columns == ["role", "content"]


JUNK = [None, 1, 2.5, "x", True, [], {}, [1], [None], {"a": 1}, [["x"]], {"type": "text"}]
SPANS = export(
    span("a", 10, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.tool.name": "t"}),
    span("b", 20, "a", **{"gen_ai.operation.name": "invoke_agent", "input.value": "x"}),
)


def places_of(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List every place in a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, one in inside:
        found.append((*before, name))
        if isinstance(one, dict | list):
            found += places_of(one, (*before, name))
    return found


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_one_place_the_rest_of_the_log_is_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*(one.name for one in LOGS), "spans.json"]))
    text = json.dumps(SPANS) if name == "spans.json" else (AGENTS / name).read_text()
    try:
        objects = [json.loads(text)]
    except ValueError:
        objects = [json.loads(line) for line in text.splitlines() if line.startswith('{"')]
    whole = json.loads(json.dumps(objects))
    place = data.draw(st.sampled_from([one for one in places_of(whole) if len(one) > 1]))
    inner = whole
    for one in place[:-1]:
        inner = inner[one]
    inner[place[-1]] = data.draw(st.sampled_from(JUNK))

    found = read(lines(whole), name)
    assert found.rows or found.bad or found.warned
