"""Messages with roles: chats a line, trajectories of SWE-agent and mini-swe-agent."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from shared.readers.agents.steps import (
    Element,
    Passed,
    Step,
    Unread,
    call,
    excerpt,
    listed,
    numbers,
    objects_in,
    plain,
    unread,
)
from shared.readers.json_tables import Found

USAGE: Final = {
    "prompt_tokens": "input_tokens", "completion_tokens": "output_tokens",
    "input_tokens": "input_tokens", "output_tokens": "output_tokens",
}  # fmt: skip
RETURNED: Final = re.compile(r"\s*<returncode>(-?\d+)</returncode>")
COMMAND: Final = re.compile(r"```(?:mswea_bash_command|bash)\s*\n(.*?)\n```", re.DOTALL)
STATS: Final = {
    "instance_cost": "cost", "total_cost": "total_cost", "tokens_sent": "input_tokens",
    "tokens_received": "output_tokens", "api_calls": "api_calls",
}  # fmt: skip


def is_message(value: Any) -> bool:
    """Tell whether an object is a message."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("role"), str)
        and ("content" in value or "tool_calls" in value)
    )


def is_chat(value: dict[str, Any]) -> bool:
    """Tell whether an object holds the messages of a chat."""
    messages = value.get("messages")
    return isinstance(messages, list) and bool(messages) and all(map(is_message, messages[:3]))


def is_trajectory(value: dict[str, Any]) -> bool:
    """Tell whether a document is a trajectory of SWE-agent."""
    steps, history = value.get("trajectory"), value.get("history")
    has_steps = isinstance(steps, list) and all(
        isinstance(one, dict) and ("action" in one or "response" in one) for one in steps[:3]
    )
    has_history = isinstance(history, list) and bool(history) and all(map(is_message, history[:3]))
    return (has_steps and bool(steps)) or has_history


def read_messages(objects: Iterable[Found]) -> Iterator[Element]:
    """Read a message a line: all of them are one run."""
    found = list(objects)
    good = [(one.number, one.value) for one in found if one.value and is_message(one.value)]
    for one in found:
        if one.value is None:
            yield Unread(one.number, one.reason, excerpt(one.text))
        elif not is_message(one.value):
            yield unread(one, "it is no message with role and content")
    yield from _of_messages(good, "chat", {})


def read_chats(objects: Iterable[Found]) -> Iterator[Element]:
    """Read a chat a line, or a document with one: each is a run."""
    for one in objects:
        if one.value is None:
            yield Unread(one.number, one.reason, excerpt(one.text))
        elif not is_chat(one.value):
            yield unread(one, "it holds no messages with role and content")
        else:
            info = one.value.get("info")
            name = str(one.value.get("id") or one.value.get("instance_id") or one.number)
            messages = [
                (one.number, message) for message in one.value["messages"] if is_message(message)
            ]
            for message in one.value["messages"]:
                if not is_message(message):
                    yield Unread(one.number, "a message has no role or content", str(message)[:99])
            yield from _of_messages(messages, name, _ends(info))


def _of_messages(
    messages: list[tuple[int, dict[str, Any]]], run: str, end: dict[str, Any]
) -> Iterator[Element]:
    """Make a step of each message; what a tool gave back stands with the step that called it."""
    steps: list[Step] = []
    by_call: dict[str, Step] = {}
    for place, message in messages:
        owner = _answers(message, steps, by_call)
        if owner is not None:
            _observe(owner, plain(message.get("content")))
            yield Passed(place, "results of tools, which stand with the steps that called")
            continue
        step = _step(place, message, run, by_call)
        steps.append(step)
    if steps and end:
        steps[-1].attributes |= end
    yield from steps


def _step(place: int, message: dict[str, Any], run: str, by_call: dict[str, Step]) -> Step:
    calls = objects_in(message.get("tool_calls"))
    written = [_call(one) for one in calls]
    parts = [plain(message.get("content")), *(one for _, one in written)]
    text = "\n".join(one for one in parts if one)
    step = Step(place, run, message["role"], text, tool=", ".join(name for name, _ in written))
    if not calls and message["role"] == "assistant":
        if COMMAND.search(text):
            step.tool = "bash"
        elif message.get("action"):
            step.tool = str(message["action"]).split(maxsplit=1)[0]
    for one in calls:
        by_call[str(one.get("id"))] = step
    if isinstance(message.get("timestamp"), str):
        step.timestamp = message["timestamp"]
    extra = message.get("extra")
    response = extra.get("response") if isinstance(extra, dict) else None
    usage = message.get("usage") or (response.get("usage") if isinstance(response, dict) else None)
    step.attributes |= numbers(usage, USAGE) | numbers(extra, {"cost": "cost"})
    if message.get("agent") not in (None, "primary"):
        step.run = f"{run}/{message['agent']}"
    return step


def _call(one: dict[str, Any]) -> tuple[str, str]:
    function = one.get("function")
    if not isinstance(function, dict):
        return str(one.get("name", "")), call(str(one.get("name", "")), one.get("input"))
    name = str(function.get("name", ""))
    return name, call(name, function.get("arguments"))


def _answers(message: dict[str, Any], steps: list[Step], by_call: dict[str, Step]) -> Step | None:
    """Return the step whose tools gave back what a message holds."""
    names = listed(message.get("tool_call_ids")) or [message.get("tool_call_id")]
    if message["role"] == "tool" or message.get("message_type") == "observation":
        found = next((by_call[str(one)] for one in names if str(one) in by_call), None)
        return found or (steps[-1] if steps and steps[-1].kind == "assistant" else None)
    is_after = bool(steps) and steps[-1].kind == "assistant" and steps[-1].tool == "bash"
    if message["role"] == "user" and is_after and RETURNED.match(plain(message.get("content"))):
        return steps[-1]
    return None


def _observe(step: Step, text: str) -> None:
    found = RETURNED.match(text)
    outcome = "ok"
    if found is not None and found[1] != "0":
        outcome = f"error: {found[1]}"
    step.outcome = f"{step.outcome}, {outcome}" if step.outcome else outcome
    before = step.attributes.get("observation")
    step.attributes["observation"] = excerpt(f"{before}\n{text}" if before else text)


def read_trajectory(objects: Iterable[Found]) -> Iterator[Element]:
    """Read a trajectory of SWE-agent: its steps, after what they were asked."""
    for one in objects:
        if one.value is None or not is_trajectory(one.value):
            yield unread(one, "it is no trajectory")
            continue
        run = str(one.value.get("instance_id") or one.value.get("environment") or "trajectory")
        history = [h for h in listed(one.value.get("history")) if is_message(h)]
        end = _ends(one.value.get("info"))
        if not listed(one.value.get("trajectory")):
            yield from _of_messages([(n, h) for n, h in enumerate(history, 1)], run, end)
            continue
        asked: list[Step] = []
        for message in history:
            if message["role"] == "assistant":
                break
            asked.append(Step(1, run, message["role"], plain(message.get("content"))))
        steps = [*asked, *_of_steps(one.value["trajectory"], run)]
        last = steps[-1]
        if end and isinstance(last, Step):
            last.attributes |= end
        yield from steps


def _of_steps(trajectory: list[Any], run: str) -> Iterator[Step | Unread]:
    for number, one in enumerate(trajectory, 1):
        if not isinstance(one, dict):
            yield Unread(number, "it is no step, but another value", excerpt(plain(one)))
            continue
        said = plain(one.get("thought")) or plain(one.get("response"))
        action = plain(one.get("action")).strip()
        text = "\n".join(filter(None, [said.strip(), action if action not in said else ""]))
        step = Step(number, run, "assistant", text, tool=(action.split(maxsplit=1) or [""])[0])
        if one.get("observation") is not None:
            step.attributes["observation"] = excerpt(plain(one["observation"]))
        if one.get("state"):
            step.attributes["state"] = excerpt(plain(one["state"]))
        step.attributes |= numbers(one, {"execution_time": "seconds"})
        yield step


def _ends(info: Any) -> dict[str, Any]:
    """Return how a run ended, and what it cost."""
    if not isinstance(info, dict):
        return {}
    stats = info.get("model_stats")
    found: dict[str, Any] = dict(numbers(stats, STATS))
    if isinstance(info.get("exit_status"), str):
        found["outcome"] = info["exit_status"]
    if info.get("submission"):
        found["final_answer"] = excerpt(plain(info["submission"]))
    if found and "outcome" not in found and isinstance(stats, str):
        found["stats"] = json.dumps(stats)
    return found
