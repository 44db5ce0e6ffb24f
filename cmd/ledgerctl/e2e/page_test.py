#!/usr/bin/env python3
"""The status page in a real browser, on a phone and on a desk, light and dark: it shows who is there,
follows what happens, loads nothing from elsewhere and needs no sideways scrolling.

Skipped where Chromium is not installed. With the environment variable PICTURES, pictures go there."""

import os
import subprocess
import sys
import urllib.parse

import browser
from harness import Cluster, check, temporary_directory

SKIPPED = 77
SIZES = {"phone": (360, 780), "desk": (1280, 900)}


def member_row(name):
    return (f"[...document.querySelectorAll('#members tr')].find(row => row.cells[0].textContent === "
            f"'{name}').textContent")


def check_shape(page, name):
    """Nothing is cut off, nothing overlaps sideways, text is large enough to read."""
    check(page.value("document.documentElement.scrollWidth <= window.innerWidth"),
          f"{name}: the page is wider than the screen")
    wide = page.value("""[...document.querySelectorAll('dd, td, h1, h2, .cluster, figcaption')]
      .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)""")
    check(not wide, f"{name}: cut off: {wide}")
    small = page.value("""[...document.querySelectorAll('body *')].filter(e => e.firstChild &&
      e.firstChild.nodeType === 3 && e.tagName !== 'SCRIPT' && e.tagName !== 'STYLE' &&
      parseFloat(getComputedStyle(e).fontSize) < 11).map(e => e.textContent)""")
    check(not small, f"{name}: too small to read: {small}")
    overlapping = page.value("""[...document.querySelectorAll('svg')].flatMap(svg => {
      const all = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
      return all.flatMap(([text, a], i) => all.slice(i + 1).filter(([, b]) =>
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        .map(([other]) => text + ' and ' + other)); })""")
    check(not overlapping, f"{name}: one on the other: {overlapping}")
    faint = page.value("""(() => {
      const light = css => { const [r, g, b] = css.match(/[0-9.]+/g).map(v => v / 255)
        .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b; };
      const behind = e => { const css = getComputedStyle(e).backgroundColor;
        return css === 'rgba(0, 0, 0, 0)' ? behind(e.parentElement) : css; };
      return [...document.querySelectorAll('h1, h2, dt, dd, th, td, .state, .cluster, .legend, a, text')]
        .filter(e => e.textContent && e.getClientRects().length).filter(e => {
          const style = getComputedStyle(e);
          const both = [light(e.tagName === 'text' ? style.fill : style.color), light(behind(e))];
          return (Math.max(...both) + .05) / (Math.min(...both) + .05) < 4.5; })
        .map(e => e.textContent); })()""")
    check(not faint, f"{name}: too faint to read: {faint}")


def main():
    if not browser.PROGRAM:
        print("skipped: Chromium is not installed")
        sys.exit(SKIPPED)
    with temporary_directory() as work, Cluster(work, 3) as cluster:
        leader = cluster.leader()
        follower = next(m for m in cluster.members.values() if m is not leader)
        url = f"http://{leader.http}/"
        writer = cluster.popen("bench", "--duration", "20s", "--clients", "4", "--yes", "-q", stdout=subprocess.DEVNULL)
        try:
            with browser.Browser(work) as page:
                for size, (width, height) in SIZES.items():
                    for dark in (False, True):
                        name = f"{size}-{'dark' if dark else 'light'}"
                        page.show(url, width, height, dark)
                        check(page.until("document.querySelectorAll('#members .good').length === 3"),
                              f"{name}: the members never came")
                        check(page.until("document.querySelector('#commit-plot .second')"
                                         ".getAttribute('d').length > 30"), f"{name}: no plot")
                        check_shape(page, name)
                        if pictures := os.environ.get("PICTURES"):
                            page.until("document.querySelector('#commit-plot .second')"
                                       ".getAttribute('d').length > 200")
                            page.picture(f"{pictures}/{name}.png")
                check(page.value("document.getElementById('state').textContent") == "leader, ready",
                      "the state")
                check(page.value("parseInt(document.getElementById('committed').textContent)") > 0,
                      "no records")
                follower.kill()
                check(page.until(f"{member_row(follower.name)}.includes('does not answer')"),
                      "nobody misses a killed member")
                follower.start()
                check(page.until(f"{member_row(follower.name)}.includes('follower')"),
                      "a member that came back is not seen")
                hosts = {urllib.parse.urlsplit(request).netloc for request in page.requests
                         if not request.startswith("data:")}
                check(hosts == {leader.http}, f"the page asks {hosts}")
                check(not page.errors, f"the page complains: {page.errors}")
                writer.wait()
                leader.kill()
                check(page.until("document.getElementById('notice').textContent"
                                 ".startsWith('No answer since ')"), "a lost node is not said")
                if pictures := os.environ.get("PICTURES"):
                    page.picture(f"{pictures}/lost.png")
        finally:
            if writer.poll() is None:
                writer.kill()
            writer.wait()


main()
