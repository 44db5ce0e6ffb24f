#!/usr/bin/env python3
"""Writes the journal of a small shop for one quarter, and what a right ledger must make of it.

A bookshop with a till, a bank account in euros and one in dollars, a card processor, gift cards that
may not be overdrawn, wholesale customers with a credit limit, and a VAT account. The same seed gives
the same files, byte for byte:

    accounts.tsv        name, asset, floor, ceiling: one account a line, '-' for no limit
    2026-q1.jsonl       one transaction a line, as `ledgerctl tx post -` takes them
    expected.json       verdict counts and final balances, worked out here by 40 lines of Python

Run it in its own folder to write them again.
"""

import json
import random
import uuid
from datetime import datetime, timedelta, timezone

SCALE = {"EUR": 2, "USD": 2}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS = 90
VAT = 7  # per cent, on books

ACCOUNTS = [  # name, asset, floor, ceiling in minor units
    ("assets:bank:eur", "EUR", None, None),
    ("assets:bank:usd", "USD", None, None),
    ("assets:till", "EUR", 0, 250_000),
    ("assets:cards:eur", "EUR", 0, None),
    ("assets:cards:usd", "USD", 0, None),
    ("assets:stock", "EUR", 0, None),
    ("assets:clearing:transfers", "EUR", None, None),
    ("liabilities:vat", "EUR", None, None),
    ("liabilities:supplier:northwind", "EUR", None, None),
    ("liabilities:supplier:harbour-press", "USD", None, None),
    ("liabilities:wages", "EUR", None, None),
    ("equity:opening", "EUR", None, None),
    ("equity:opening:usd", "USD", None, None),
    ("equity:fx:eur", "EUR", None, None),
    ("equity:fx:usd", "USD", None, None),
    ("income:books", "EUR", None, None),
    ("income:online", "USD", None, None),
    ("income:events", "EUR", None, None),
    ("expenses:goods", "EUR", None, None),
    ("expenses:rent", "EUR", None, None),
    ("expenses:wages", "EUR", None, None),
    ("expenses:fees:eur", "EUR", None, None),
    ("expenses:fees:usd", "USD", None, None),
    ("expenses:spoilage", "EUR", None, None),
] + [(f"liabilities:giftcard:{n:03}", "EUR", 0, None) for n in range(1, 41)] \
  + [(f"assets:customer:{name}", "EUR", None, 150_000) for name in ("library", "school", "museum")]

DEBIT_NORMAL = ("assets", "expenses")


class Book:
    """The rules that this journal can meet, straight from their definition."""

    def __init__(self):
        self.accounts = {name: dict(asset=asset, floor=floor, ceiling=ceiling, debits=0, credits=0,
                                    version=0)
                         for name, asset, floor, ceiling in ACCOUNTS}
        self.verdicts = {}

    def balance(self, name):
        account = self.accounts[name]
        sign = 1 if name.split(":")[0] in DEBIT_NORMAL else -1
        return sign * (account["debits"] - account["credits"])

    def post(self, legs, conditions=()):
        verdict = self.judge(legs, conditions)
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        if verdict == "ok":
            for debit, credit, amount in legs:
                self.accounts[debit]["debits"] += amount
                self.accounts[credit]["credits"] += amount
            for name in {n for leg in legs for n in leg[:2]}:
                self.accounts[name]["version"] += 1
        return verdict

    def judge(self, legs, conditions):
        if any(self.accounts[d]["asset"] != self.accounts[c]["asset"] for d, c, _ in legs):
            return "asset_mismatch"
        for name, op, value in conditions:
            have = self.balance(name)
            if not {"ge": have >= value, "le": have <= value, "eq": have == value}[op]:
                return "condition_failed"
        change = {}
        for debit, credit, amount in legs:
            for name, direction in ((debit, 1), (credit, -1)):
                sign = 1 if name.split(":")[0] in DEBIT_NORMAL else -1
                change[name] = change.get(name, 0) + sign * direction * amount
        after = {name: self.balance(name) + delta for name, delta in change.items()}
        for name, delta in change.items():
            floor = self.accounts[name]["floor"]
            if delta < 0 and floor is not None and after[name] < floor:
                return "insufficient_funds"
        for name, delta in change.items():
            ceiling = self.accounts[name]["ceiling"]
            if delta > 0 and ceiling is not None and after[name] > ceiling:
                return "ceiling_exceeded"
        return "ok"


def major(amount, asset):
    text = str(abs(amount)).rjust(SCALE[asset] + 1, "0")
    return ("-" if amount < 0 else "") + text[:-SCALE[asset]] + "." + text[-SCALE[asset]:]


class Journal:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.book = Book()
        self.lines = []
        self.now = START
        self.number = 0

    def post(self, legs, memo, conditions=(), meta=None):
        """One transaction: legs of (debit, credit, minor units)."""
        self.number += 1
        self.book.post(legs, conditions)
        ms = int(self.now.timestamp() * 1000) + self.number
        bits = self.random.getrandbits(74)
        value = (ms << 80) | (0x7 << 76) | ((bits >> 62) << 64) | (0b10 << 62) | (bits & (2**62 - 1))
        line = {"id": str(uuid.UUID(int=value))}
        amount = lambda leg: major(leg[2], self.book.accounts[leg[0]]["asset"])
        if len(legs) == 1:
            line |= {"debit": legs[0][0], "credit": legs[0][1], "amount": amount(legs[0])}
        else:
            line["legs"] = [{"debit": l[0], "credit": l[1], "amount": amount(l)} for l in legs]
        line["effective_at"] = self.now.isoformat().replace("+00:00", "Z")
        if conditions:
            line["conditions"] = [
                {"account": n, "available": {op: major(v, self.book.accounts[n]["asset"])}}
                for n, op, v in conditions]
        line["memo"] = memo
        if meta:
            line["meta"] = meta
        self.lines.append(json.dumps(line, separators=(",", ":"), ensure_ascii=False))

    def price(self, low=450, high=4800):
        return self.random.randrange(low, high, 5)

    def sale(self, into, memo, gross, meta=None):
        net = gross * 100 // (100 + VAT)
        cost = net * 6 // 10
        self.post([(into, "income:books", net), (into, "liabilities:vat", gross - net),
                   ("expenses:goods", "assets:stock", cost)], memo, meta=meta)

    def opening(self):
        self.post([("assets:bank:eur", "equity:opening", 4_500_000)], "opening balance")
        self.post([("assets:bank:usd", "equity:opening:usd", 800_000)], "opening balance")
        self.post([("assets:stock", "equity:opening", 6_200_000)], "opening stock")
        self.post([("assets:till", "assets:bank:eur", 30_000)], "change for the till")

    def customer(self):
        r = self.random.random()
        if r < 0.42:
            self.sale("assets:till", "cash sale", self.price())
        elif r < 0.76:
            self.sale("assets:cards:eur", "card sale", self.price(),
                      meta={"terminal": self.random.choice(["T1", "T2"]),
                            "receipt": f"R-{self.number:06}"})
        elif r < 0.86:
            self.post([("assets:cards:usd", "income:online", self.price(900, 7000))],
                      "online order, übersee")
        elif r < 0.91:
            card = self.random.randrange(1, 41)
            self.post([("assets:till", f"liabilities:giftcard:{card:03}",
                        self.random.choice([1000, 2000, 2500, 5000]))], "gift card sold")
        elif r < 0.97:  # often more than is on it
            card = f"liabilities:giftcard:{self.random.randrange(1, 41):03}"
            gross = self.price(300, 2600)
            net = gross * 100 // (100 + VAT)
            self.post([(card, "income:books", net), (card, "liabilities:vat", gross - net)],
                      "gift card redeemed")
        elif r < 0.985:
            name = self.random.choice(["library", "school", "museum"])
            self.sale(f"assets:customer:{name}", f"invoice to the {name}", self.price(9000, 60_000))
        else:
            self.post([("income:books", "assets:till", self.price(450, 3000))], "return, cash back")

    def evening(self, day):
        cash = self.book.balance("assets:till")
        if cash > 60_000:  # two transactions: the money is on the way over night
            self.post([("assets:clearing:transfers", "assets:till", cash - 30_000)], "night safe")
            self.post([("assets:bank:eur", "assets:clearing:transfers", cash - 30_000)],
                      "night safe counted")
        if day % 7 == 6:
            self.payout("assets:cards:eur", "assets:bank:eur", "expenses:fees:eur", 14)
            self.payout("assets:cards:usd", "assets:bank:usd", "expenses:fees:usd", 29)
        if day % 10 == 9:
            name = self.random.choice(["library", "school", "museum"])
            owed = self.book.balance(f"assets:customer:{name}")
            if owed > 0:
                self.post([("assets:bank:eur", f"assets:customer:{name}", owed)],
                          f"the {name} pays", conditions=[(f"assets:customer:{name}", "ge", owed)])
            # The same once more, as a nervous clerk would: the condition refuses it.
            if owed > 0:
                self.post([("assets:bank:eur", f"assets:customer:{name}", owed)],
                          f"the {name} pays", conditions=[(f"assets:customer:{name}", "ge", owed)])
        if day % 14 == 3:
            bill = self.price(200_000, 420_000)
            self.post([("assets:stock", "liabilities:supplier:northwind", bill)], "delivery")
        if day % 14 == 11:
            owed = self.book.balance("liabilities:supplier:northwind")
            if owed > 0:
                self.post([("liabilities:supplier:northwind", "assets:bank:eur", owed)],
                          "northwind paid")

    def payout(self, cards, bank, fees, per_mille):
        held = self.book.balance(cards)
        fee = held * per_mille // 1000
        if fee > 0:
            self.post([(bank, cards, held - fee), (fees, cards, fee)], "processor pays out")

    def month_end(self):
        self.post([("expenses:rent", "assets:bank:eur", 240_000)], "rent")
        self.post([("expenses:wages", "liabilities:wages", 610_000)], "wages due")
        self.post([("liabilities:wages", "assets:bank:eur", 610_000)], "wages paid")
        self.post([("liabilities:vat", "assets:bank:eur",
                    max(1, self.book.balance("liabilities:vat")))], "VAT return")
        self.post([("expenses:spoilage", "assets:stock", self.price(500, 9000))], "stocktaking")
        # Dollars sold for euros at 0.92, through the exchange accounts.
        usd = 100_000
        self.post([("equity:fx:usd", "assets:bank:usd", usd),
                   ("assets:bank:eur", "equity:fx:eur", usd * 92 // 100)], "1000 USD sold at 0.92")
        self.post([("assets:bank:eur", "assets:bank:usd", 100)], "a clerk mixes currencies")

    def run(self):
        self.opening()
        for day in range(DAYS):
            customers = self.random.randrange(48, 66) if day % 7 != 6 else self.random.randrange(75, 95)
            for n in range(customers):
                self.now = START + timedelta(days=day, minutes=9 * 60 + n * 540 // customers)
                self.customer()
            self.now = START + timedelta(days=day, hours=19)
            self.evening(day)
            if (START + timedelta(days=day + 1)).day == 1:
                self.month_end()


def main():
    journal = Journal(seed=20260101)
    journal.run()
    with open("accounts.tsv", "w", encoding="utf-8") as out:
        for name, asset, floor, ceiling in ACCOUNTS:
            limit = lambda value: "-" if value is None else major(value, asset)
            out.write(f"{name}\t{asset}\t{limit(floor)}\t{limit(ceiling)}\n")
    with open("2026-q1.jsonl", "w", encoding="utf-8") as out:
        out.write("\n".join(journal.lines) + "\n")
    book = journal.book
    expected = {
        "transactions": journal.number,
        "verdicts": dict(sorted(book.verdicts.items())),
        "balances": {name: {"posted": major(book.balance(name), account["asset"]),
                            "version": account["version"]}
                     for name, account in sorted(book.accounts.items())},
    }
    with open("expected.json", "w", encoding="utf-8") as out:
        json.dump(expected, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
