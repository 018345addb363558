"""exams.py, which stands beside, for the tests to import: tests are not on the path."""

import importlib.util
import sys
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("exams", Path(__file__).with_name("exams.py"))
_EXAMS = importlib.util.module_from_spec(_SPEC)
sys.modules["exams"] = _EXAMS  # dataclasses look their module up
_SPEC.loader.exec_module(_EXAMS)
