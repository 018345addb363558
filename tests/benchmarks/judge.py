"""How fast a judge is asked, beside a bare client; and how fast known verdicts are had again.

Run by hand: `python tests/benchmarks/judge.py --json`. A server in a process of its own answers
after 50 ms and works on 64 requests at a time. 1,000 verdicts on MM-Vet answers are asked for by
`JudgeStage` (questions, limiter, journal and cache included, the judge's start not), and by two
bare asyncio clients with 64 requests at once that do nothing with the replies: httpx2, and openai's
own. The share is the faster client's time over evalkit's, in each of three turns; the middle one
counts. Then `evalkit judge` judges a run of 10,000 answers whose verdicts are all in the cache, in
a process of its own: its seconds from start to exit, and the requests that reached the server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
from environment import environment

from evalkit import registry
from evalkit.judge.order import JudgeOrder
from evalkit.judge.stage import JudgeStage
from evalkit.judge.units import Unit, request_of
from evalkit.official.interface import no_picture
from evalkit.records import Prediction, Sample
from evalkit.task import Task

VERDICTS, KNOWN = 1_000, 10_000
SECONDS, CAPACITY = 0.05, 64
TURNS = 3
PROMISES = {"share_of_best": (0.9, "at least"), "cached_s": (3.0, "at most")}
NAMED = ("aiohttp", "openai", "httpx2", "pyarrow")


@contextlib.contextmanager
def served(seconds: float) -> Iterator[str]:
    """The server's base URL."""
    script = Path(__file__).with_name("judge_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(seconds), str(CAPACITY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        process.wait(10)


def answered(url: str) -> int:
    """Requests that the server has answered up to now."""
    reply = httpx2.get(url.removesuffix("/v1") + "/asked")
    return reply.json()["answered"]


def questions(task: Task, count: int) -> list[Sample]:
    """Samples of MM-Vet with questions that are all different."""
    told = {"answer": "a dog<OR>dog", "capability": "ocr,rec"}
    rows = (
        {**told, "question_id": f"v{i}", "imagename": f"{i}.png", "image": no_picture(f"{i}.png")}
        for i in range(count)
    )
    return [
        task.to_sample({**row, "question": f"What is thing {i} here?"})
        for i, row in enumerate(rows)
    ]


def bodies(task: Task, samples: Sequence[Sample]) -> list[dict[str, object]]:
    """What evalkit sends, for the bare clients."""
    rubric = task.judging.own
    asked = [
        request_of(task.name, rubric, Unit(sample=s, answer=answer(s)), 0).messages for s in samples
    ]
    return [
        {
            "model": "toy-model",
            "messages": [{"role": m.role, "content": m.content[0]} for m in messages],
            "max_tokens": rubric.max_tokens,
            "temperature": 0.0,
        }
        for messages in asked
    ]


def answer(sample: Sample) -> str:
    """The answer that is judged."""
    return f"The thing that {sample.id} asks for is a dog, as far as I can see. " * 3


def judged(task: Task, samples: Sequence[Sample], url: str) -> float:
    """Seconds in which evalkit has a verdict on every answer."""
    made = {s.id: Prediction(sample_id=s.id, text=answer(s)) for s in samples}
    with tempfile.TemporaryDirectory() as folder:
        order = JudgeOrder(
            model=f"openai:toy-model,base_url={url}", cache=Path(folder) / "cache.sqlite"
        )
        with JudgeStage(order, Path(folder), [task]) as stage:
            begun = time.perf_counter()
            found = stage.judge(task, samples, made)
            seconds = time.perf_counter() - begun
    if found.report.failed or found.report.requests != len(samples):
        sys.exit(f"evalkit had not every verdict: {found.report}")
    return seconds


async def bare(url: str, asked: Sequence[dict[str, object]], kind: str) -> float:
    """Seconds in which a client that does nothing else has every reply."""
    import openai

    limits = httpx2.Limits(max_connections=CAPACITY, max_keepalive_connections=CAPACITY)
    async with contextlib.AsyncExitStack() as stack:
        if kind == "httpx2":
            client = await stack.enter_async_context(httpx2.AsyncClient(limits=limits, timeout=60))

            async def ask(body: dict[str, object]) -> str:
                response = await client.post(f"{url}/chat/completions", json=body)
                return response.json()["choices"][0]["message"]["content"]
        else:
            api = await stack.enter_async_context(openai.AsyncOpenAI(api_key="k", base_url=url))

            async def ask(body: dict[str, object]) -> str:
                reply = await api.chat.completions.create(**body)
                return reply.choices[0].message.content

        left = iter(asked)

        async def work() -> None:
            for body in left:
                await ask(body)

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(CAPACITY)))
        return time.perf_counter() - begun


def throughput(turns: int) -> dict[str, object]:
    """Evalkit beside the bare clients, turn by turn."""
    task = registry.load_task("mmvet")
    samples = questions(task, VERDICTS)
    asked = bodies(task, samples)
    own, clients = [], {"httpx2": [], "openai": []}
    with served(SECONDS) as url:
        for _ in range(turns):
            for kind, times in clients.items():
                times.append(asyncio.run(bare(url, asked, kind)))
            own.append(judged(task, samples, url))
    best = [min(both) for both in zip(*clients.values(), strict=True)]
    shares = [b / o for b, o in zip(best, own, strict=True)]
    return {
        "share_of_best": statistics.median(shares),
        "shares": [round(share, 3) for share in shares],
        "verdicts_per_s": VERDICTS / statistics.median(own),
        "httpx2_per_s": VERDICTS / statistics.median(clients["httpx2"]),
        "openai_per_s": VERDICTS / statistics.median(clients["openai"]),
        "server_allows_per_s": CAPACITY / SECONDS,
    }


def table(folder: Path) -> None:
    """Write 10,000 rows of MM-Vet, all with the same picture."""
    from PIL import Image

    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "one.png")
    row = {"image": "one.png", "answer": "a dog<OR>dog", "capability": "ocr,rec"}
    lines = (
        json.dumps({**row, "question_id": f"v{i}", "question": f"What is thing {i} here?"})
        for i in range(KNOWN)
    )
    (folder / "test.jsonl").write_text("\n".join(lines) + "\n")


def command(folder: Path, *words: str) -> tuple[float, float, dict]:
    """Seconds of an evalkit process from start to exit, those it computed, and its record."""
    begun, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", *words, "--json"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    seconds, after = time.perf_counter() - begun, os.times()
    if done.returncode:
        sys.exit(f"evalkit left with {done.returncode}\n{done.stderr[-2000:]}")
    computed = sum(after[2:4]) - sum(before[2:4])
    return seconds, computed, json.loads(done.stdout)


def cached(turns: int) -> dict[str, object]:
    """A judging of which every verdict is known."""
    with tempfile.TemporaryDirectory() as name, served(0.0) as url:
        folder = Path(name)
        table(folder / "data" / "mmvet")
        model = ("--model", "dummy:echo", "--data", str(folder / "data"), "--no-judge")
        judge = ("--judge", f"openai:toy-model,base_url={url}", "--judge-cache", "cache.sqlite")
        for run in ("first", *(f"again{turn}" for turn in range(turns))):
            command(folder, "run", "mmvet", *model, "--out", "out", "--name", run)
        filled, *_ = command(folder, "judge", "out/echo/first", *judge)
        before, times, work = answered(url), [], []
        for turn in range(turns):
            seconds, computed, record = command(folder, "judge", f"out/echo/again{turn}", *judge)
            times.append(seconds)
            work.append(computed)
            if record["results"][0]["judge"]["cached"] != KNOWN:
                sys.exit("verdicts were not taken from the cache")
        return {
            "cached_s": statistics.median(times),
            "cached_requests": answered(url) - before,
            "cached_cpu_s": statistics.median(work),
            "filled_s": filled,
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--only", choices=("throughput", "cached"))
    arguments = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "k")
    found: dict[str, object] = {}
    if arguments.only != "cached":
        found |= throughput(arguments.turns)
    if arguments.only != "throughput":
        found |= cached(arguments.turns)
    found |= environment(NAMED)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        limit, word = PROMISES.get(name, (None, ""))
        promise = f"  ({word} {limit:g})" if limit else ""
        shown = f"{value:.3g}" if isinstance(value, float) else value
        print(f"{name:<20} {shown}{promise}")


if __name__ == "__main__":
    main()
