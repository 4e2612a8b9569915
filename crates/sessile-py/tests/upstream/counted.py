"""A pytest plugin whose last words are those that `cargo xtask` counts."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    stats = terminalreporter.stats
    # pytest's own closing line would be counted as well.
    terminalreporter.summary_stats = lambda: None
    failed = [*stats.get("failed", []), *stats.get("error", [])]
    for report in failed:
        print(f"\nFAIL: {report.nodeid}", end="")
    for report in stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        print(f"\n[not run] {report.nodeid}: {why.removeprefix('Skipped: ')}", end="")
    print(f"\n{len(stats.get('passed', []))} passed, {len(failed)} failed")
