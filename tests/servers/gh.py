"""As much of `gh api` as action.yml uses, for machines without gh; the filter goes through jq.

It speaks to HTTP_PROXY, which the tests set to their own server.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path


def main(words):
    assert words.pop(0) == "api"
    given = {"--method": "GET", "--jq": None, "-F": None}
    places = []
    words = iter(words)
    for word in words:
        if word in given:
            given[word] = next(words)
        elif word not in ("--silent", "--paginate"):
            places.append(word)
    (place,) = places
    body = None
    if given["-F"]:
        name, _, path = given["-F"].partition("=@")
        body = json.dumps({name: Path(path).read_text(encoding="utf-8")}).encode()
    while place:
        place = asked(given["--method"], place, body, given["--jq"])


def asked(method, place, body, program):
    """Ask for one page, and print what the filter takes of it; gives the next page's place."""
    url = f"{os.environ['HTTP_PROXY']}/{place.lstrip('/')}"
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - loopback
    request.add_header("Authorization", f"token {os.environ['GH_TOKEN']}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as reply:
        text = reply.read()
        following = re.search(r"<([^>]+)>", reply.headers.get("Link") or "")
    if program:
        subprocess.run(["jq", "-r", program], input=text, check=True)
    return following and following.group(1)


try:
    main(sys.argv[1:])
except OSError as error:
    sys.exit(f"gh: {error}")
