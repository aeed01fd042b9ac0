#!/usr/bin/env python3
"""Which releases are affected by which vulnerability, straight from three makers' own tables.

evaluate.py openssl FOLDER | curl TABLE | kernel FOLDER VERSION…

Prints lines of `ID VERSION`, one for each release that is affected. Written apart from the program,
with none of its code: the two must agree about every release and every vulnerability.
"""
import csv
import json
import os
import re
import sys


def openssl_key(text):
    """Letters are levels: 0.9.8z comes before 0.9.8za."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.?(\d*)([a-z]*)", text)
    if not match:
        return None
    first, second, third, letters = match.groups()
    return int(first), int(second), int(third or 0), len(letters), letters


def openssl(folder):
    records, releases = [], set()
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            record = json.load(file)
        if "containers" not in record:
            continue
        spans = []
        for product in record["containers"]["cna"]["affected"]:
            for span in product["versions"]:
                if span["status"] != "affected":
                    continue
                spans.append((span["version"], span.get("lessThan"), span.get("lessThanOrEqual")))
        records.append((record["cveMetadata"]["cveId"], spans))
        releases.update(text for span in spans for text in span if text and openssl_key(text))
    for identity, spans in records:
        for release in sorted(releases, key=openssl_key):
            at = openssl_key(release)
            for start, below, last in spans:
                # A candidate or a snapshot of the sources stands before its release; releases of
                # the FIPS module are another line.
                first = openssl_key(start) or openssl_key(start.split("-")[0])
                if first is None:
                    continue
                if below:
                    inside = first <= at < (openssl_key(below) or openssl_key(below.split("-")[0]))
                elif last:
                    inside = first <= at <= openssl_key(last)
                else:
                    inside = at == first
                if inside:
                    print(identity, release)
                    break


def numbers(text):
    return tuple(int(part) for part in text.split("."))


def padded(text):
    return (numbers(text) + (0, 0, 0, 0))[:4]


def curl(table):
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    releases = {row[key] for row in rows for key in ("first_vulnerable", "last_vulnerable")}
    for row in rows:
        first, last = padded(row["first_vulnerable"]), padded(row["last_vulnerable"])
        for release in sorted(releases, key=padded):
            if row["cve"].startswith("CVE-") and first <= padded(release) <= last:
                print(row["cve"], release)


def branch(version):
    """The stable branch of a release, and whether it is a stable release itself."""
    parts = numbers(version)
    size = 3 if parts[0] == 2 else 2
    return parts[:size], len(parts) > size


def kernel_affected(version, pairs):
    own, _ = branch(version)
    at = numbers(version)
    for since in {pair[0] for pair in pairs}:
        fixes = [fixed for start, fixed in pairs if start == since and fixed != "0"]
        on_branch = [fixed for fixed in fixes if branch(fixed) == (own, True)]
        if since != "0" and branch(since)[1]:
            if branch(since)[0] != own or at < numbers(since):
                continue
            if not on_branch or at < max(map(numbers, on_branch)):
                return True
            continue
        if since != "0" and at < numbers(since):
            continue
        if on_branch:
            # Several commits make up one fix: until the last of them the branch is affected.
            if at < max(map(numbers, on_branch)):
                return True
            continue
        main = [numbers(fixed) for fixed in fixes if not branch(fixed)[1]]
        if not main or at < min(main):
            return True
    return False


def kernel(folder, versions):
    for place, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if not name.endswith(".dyad"):
                continue
            with open(os.path.join(place, name), encoding="utf-8") as file:
                fields = [line.split(":") for line in file if line[0] not in "#\n"]
            pairs = [(field[0], field[2]) for field in fields]
            for version in versions:
                if kernel_affected(version, pairs):
                    print(name[: -len(".dyad")], version)


if __name__ == "__main__":
    {"openssl": openssl, "curl": curl, "kernel": lambda folder, *rest: kernel(folder, rest)}[
        sys.argv[1]
    ](*sys.argv[2:])
