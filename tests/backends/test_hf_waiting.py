"""Idle threads of a model on a CPU sleep: they would spin on cores that others need."""

import os
import subprocess
import sys

CODE = """
import os, sys
seen = []
def watch(event, given):
    if event == "import" and given[0] == "torch" and not seen:
        seen.append(os.environ.get("OMP_WAIT_POLICY"))
sys.addaudithook(watch)
import evalkit
evalkit.evaluate(model="demo", tasks=["pope"], data="demo", limit=6, out=sys.argv[1])
print(*seen)
"""


def policy(folder, **environment):

    known = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, folder],
        env=known | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_policy_is_set_before_torch_is_imported_and_a_users_own_is_kept(tmp_path):
    assert policy(tmp_path / "one") == ["PASSIVE"]
    assert policy(tmp_path / "two", OMP_WAIT_POLICY="ACTIVE") == ["ACTIVE"]
