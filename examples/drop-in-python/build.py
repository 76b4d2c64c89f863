"""`python build.py FILE`: the component, into FILE. The interpreter is the one that `requirements.txt` was installed for."""

import subprocess
import sys
from pathlib import Path

here = Path(__file__).parent.resolve()
tool = Path(sys.executable).parent / "componentize-py"
target = Path(sys.argv[1] if len(sys.argv) > 1 else here / "tidemark.wasm").resolve()
# With WASI stubbed, the component imports nothing but the contract: no files, no sockets, no environment, no clock, no randomness.
contract = ["--wit-path", here / "wit", "--world", "drop-in"]
subprocess.run([tool, *contract, "componentize", "--stub-wasi", "--python-path", here, "--output", target, "tidemark"], check=True)
