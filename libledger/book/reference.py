#!/usr/bin/env python3
"""Decides records anew and compares: a second implementation of the rules of the book.

    reference.py DRIVER [COUNT [SEED]]

DRIVER (model_test.cc) prints a random log with what the C++ book decided; this program decides every
record by itself, from its bytes, and ends with 1 at the first difference. Written from the
specification alone, in another way where there is one: messages are read leniently and compared with
what they are when written again, states are dictionaries, digests are summed from scratch.
"""
import collections, datetime, hashlib, json, os, re, subprocess, sys

MAX = 2**127 - 1
RAW, ASSET, ACCOUNT, TRANSACT = range(4)
KINDS = {1: 'assets', 2: 'liabilities', 3: 'equity', 4: 'income', 5: 'expenses'}
ALL_CODES = ('ok id_conflict malformed offset_mismatch too_late asset_not_found asset_exists account_exists '
             'name_taken account_not_found asset_mismatch condition_failed overflow insufficient_funds '
             'ceiling_exceeded').split()
ALL_ERRORS = ('too_large invalid_message invalid_id invalid_name invalid_text invalid_legs invalid_amount '
              'invalid_limits').split()


class Wrong(Exception):
    """A record that may not enter the log; its text is the name of the rule."""


# ---- Messages: field number -> (name, type). A type in brackets is repeated, one with ? optional.
SCHEMA = {
    'Asset': {1: ('code', 'string'), 2: ('scale', 'uint32')},
    'Account': {1: ('account', 'bytes'), 2: ('name', 'string'), 3: ('asset', 'string'), 4: ('kind', 'enum'),
                5: ('floor', 'int128?'), 6: ('ceiling', 'int128?')},
    'Leg': {1: ('debit', 'bytes'), 2: ('credit', 'bytes'), 3: ('amount', 'int128')},
    'Condition': {1: ('account', 'bytes'), 2: ('what', 'enum'), 3: ('op', 'enum'), 4: ('value', 'int128')},
    'Transact': {1: ('legs', '[Leg]'), 4: ('effective', 'time?'), 5: ('conditions', '[Condition]'),
                 6: ('memo', 'string')},
}
ENUM_LAST = {'kind': 5, 'what': 3, 'op': 3}
DEFAULTS = {'bytes': b'', 'string': '', 'uint32': 0, 'enum': 0, 'int128': b''}


def take_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Wrong('invalid_message')
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def varint(value):
    out = b''
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def write(message, values):
    out = b''
    for number, (name, kind) in SCHEMA[message].items():
        for value in values[name] if kind[0] == '[' else [values[name]]:
            if value is None or value == DEFAULTS.get(kind):
                continue
            if kind == 'time?':
                out += bytes([number << 3 | 1]) + value.to_bytes(8, 'little', signed=True)
            elif kind in ('uint32', 'enum'):
                out += bytes([number << 3]) + varint(value)
            else:
                if kind[0] == '[':
                    value = write(kind[1:-1], value)
                elif kind == 'string':
                    value = value.encode()
                out += bytes([number << 3 | 2]) + varint(len(value)) + value
    return out


def read(message, data):
    """The values of a message, whatever the order and form of its fields."""
    values = {name: [] if kind[0] == '[' else DEFAULTS.get(kind) for name, kind in SCHEMA[message].values()}
    at = 0
    while at < len(data):
        tag, at = take_varint(data, at)
        name, kind = SCHEMA[message].get(tag >> 3, (None, None))
        wire = 0 if kind in ('uint32', 'enum') else 1 if kind == 'time?' else 2
        if name is None or tag & 7 != wire:
            raise Wrong('invalid_message')
        size = 8
        if wire != 1:
            size, at = take_varint(data, at)
        if wire == 0:
            values[name] = size & 0xffffffff
            continue
        if at + size > len(data):
            raise Wrong('invalid_message')
        piece = data[at:at + size]
        at += size
        if wire == 1:
            values[name] = int.from_bytes(piece, 'little', signed=True)
        elif kind[0] == '[':
            values[name].append(read(kind[1:-1], piece))
        elif kind == 'string':
            try:
                values[name] = piece.decode()
            except UnicodeDecodeError:
                raise Wrong('invalid_message') from None
        else:
            values[name] = piece
    return values


def to_numbers(message, values):
    """Turns the bytes of integers into integers and looks at enumerators, deeply."""
    for name, kind in SCHEMA[message].values():
        value = values[name]
        if kind[0] == '[':
            for element in value:
                to_numbers(kind[1:-1], element)
        elif kind == 'enum' and not 1 <= value <= ENUM_LAST[name]:
            raise Wrong('invalid_message')
        elif kind.startswith('int128') and value is not None:
            number = int.from_bytes(value, 'big', signed=True)
            shortest = number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, 'big', signed=True)
            if value != shortest or not -MAX <= number <= MAX:
                raise Wrong('invalid_message')
            values[name] = number


def read_body(kind, body):
    message = {ASSET: 'Asset', ACCOUNT: 'Account', TRANSACT: 'Transact'}.get(kind)
    if message is None:
        return None
    values = read(message, body)
    if write(message, values) != body:
        raise Wrong('invalid_message')
    to_numbers(message, values)
    return values


# ---- Records.
class Record:
    def __init__(self, data):
        self.data, self.readable, self.whole = data, len(data) >= 18, False
        self.expect = self.until = None
        self.body = self.meta = b''
        if not self.readable:
            return
        self.id, self.kind, self.flags = data[:16], data[16], data[17]
        at, meta = 18, 0
        try:
            if self.flags > 7:
                return
            if self.flags & 1:
                self.expect, at = int.from_bytes(data[at:at + 8].ljust(8), 'little'), at + 8
            if self.flags & 2:
                self.until, at = int.from_bytes(data[at:at + 8].ljust(8), 'little', signed=True), at + 8
            if self.flags & 4:
                meta, at = int.from_bytes(data[at:at + 2], 'little'), at + 2
        finally:
            self.whole = self.flags <= 7 and at + meta <= len(data) and (meta >= 2 or not self.flags & 4)
        self.body, self.meta = data[at:len(data) - meta], data[len(data) - meta:]
        if not self.whole:
            self.expect = self.until = None

    def values(self):
        """The body's values, or None where it does not decode."""
        try:
            values = read_body(self.kind, self.body)
        except Wrong:
            return None
        return values if values and all(len(i) == 16 for i in ids_of(self.kind, values)) else None


def ids_of(kind, values):
    if kind == ACCOUNT:
        yield values['account']
    if kind == TRANSACT:
        for leg in values['legs']:
            yield leg['debit']
            yield leg['credit']
        for condition in values['conditions']:
            yield condition['account']


def good_meta(meta):
    number = re.compile(r'-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?')

    def pairs(items):
        names = [name for name, _ in items]
        if len(set(names)) != len(names):
            raise ValueError
        return dict(items)

    def checked(text):
        if len(text) > 32 or not number.fullmatch(text):
            raise ValueError
        return 0

    def constant(_):
        raise ValueError

    def depth(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    def texts(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for name, inner in value.items():
                yield name
                yield from texts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)

    try:
        value = json.loads(meta.decode(), object_pairs_hook=pairs, parse_int=checked, parse_float=checked,
                           parse_constant=constant)
        if not isinstance(value, dict) or depth(value) > 16:
            return False
        for text in texts(value):
            text.encode()  # fails for lone surrogates
            if '\0' in text:
                return False
        return True
    except (ValueError, RecursionError):
        return False


def check(r):
    """Raises Wrong with the first rule that the record breaks; gives the body's values."""
    values, unreadable = None, not r.whole
    if r.whole:
        try:
            values = read_body(r.kind, r.body)
        except Wrong:
            unreadable = True
    memo = values['memo'] if r.whole and r.kind == TRANSACT and values else ''
    size = len(r.data) + len(varint(len(r.data)))
    if (size > 1 << 20 or r.whole and r.kind == RAW and len(r.body) > 10**6 or r.whole and len(r.meta) > 4096
            or len(memo.encode()) > 256):
        raise Wrong('too_large')
    if unreadable or r.kind > TRANSACT or r.kind == TRANSACT and len(values['conditions']) > 16:
        raise Wrong('invalid_message')
    for i in [r.id] + list(ids_of(r.kind, values)):
        if len(i) != 16 or i in (bytes(16), b'\xff' * 16):
            raise Wrong('invalid_id')
    if r.kind in (ASSET, ACCOUNT):
        if not re.fullmatch('[A-Z][A-Z0-9]{0,15}', values['code' if r.kind == ASSET else 'asset']):
            raise Wrong('invalid_name')
    if r.kind == ASSET and values['scale'] > 18:
        raise Wrong('invalid_name')
    if r.kind == ACCOUNT:
        name = values['name']
        if (not re.fullmatch('[a-z0-9][a-z0-9-]*(:[a-z0-9][a-z0-9-]*){0,7}', name) or len(name) > 128
                or name.split(':')[0] != KINDS[values['kind']]):
            raise Wrong('invalid_name')
    if re.search('[\0-\x1f\x7f]', memo) or r.meta and not good_meta(r.meta):
        raise Wrong('invalid_text')
    if r.kind == TRANSACT:
        legs = values['legs']
        if not 1 <= len(legs) <= 64 or any(leg['debit'] == leg['credit'] for leg in legs):
            raise Wrong('invalid_legs')
        if any(leg['amount'] < 1 for leg in legs):
            raise Wrong('invalid_amount')
    if r.kind == ACCOUNT and None not in (values['floor'], values['ceiling']) and values['floor'] > values['ceiling']:
        raise Wrong('invalid_limits')
    return values


def difference(a, b):
    """The first field in which two records with one id differ, or None if they are the same."""
    if a.kind != b.kind:
        return 'kind'
    if not (a.whole and b.whole):
        return None if a.data[17:] == b.data[17:] else 'body'
    if a.body != b.body:
        x, y = a.values(), b.values()
        if x is None or y is None:
            return 'body'
        for name in x:
            if x[name] == y[name]:
                continue
            if not isinstance(x[name], list):
                return name
            for i, (p, q) in enumerate(zip(x[name], y[name])):
                for inner in p:
                    if p[inner] != q[inner]:
                        return f'{name}[{i}].{inner}'
            return name
    return None if a.meta == b.meta else 'meta'


# ---- Text.
def uuid(i):
    return re.sub('(.{8})(.{4})(.{4})(.{4})(.{12})', r'\1-\2-\3-\4-\5', i.hex())


def amount(value, scale):
    digits = str(abs(value)).rjust(scale + 1, '0')
    text = digits[:-scale] + '.' + digits[-scale:] if scale else digits
    return '-' + text if value < 0 else text


def time(ns):
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=ns // 10**9)
    return f'{at.isoformat()}.{ns % 10**9:09}Z'


# ---- The book.
class Entry(dict):
    """An account: its definition, debits d, credits c, version v."""
    def posted(self):
        return (self['d'] - self['c']) * (1 if self['kind'] in (1, 5) else -1)


class Book:
    def __init__(self):
        self.assets, self.accounts, self.ids, self.log = {}, {}, {}, []

    def apply(self, recorded, data):
        """(code, duplicate, first offset, detail) of the next record."""
        offset, r = len(self.log), Record(data)
        self.log.append([r, None])
        if not r.readable:
            return self.keep('malformed', {'error': 'invalid_message'})
        if r.id in self.ids:
            first = self.ids[r.id]
            field = difference(self.log[first][0], r)
            if field:
                return 'id_conflict', False, first, {'first_offset': first, 'field': field}
            code, detail = self.log[first][1]
            return code, True, first, detail
        self.ids[r.id] = offset
        try:
            values = check(r)
        except Wrong as wrong:
            return self.keep('malformed', {'error': str(wrong)})
        if r.expect is not None and r.expect != offset:
            return self.keep('offset_mismatch', {'expected': r.expect, 'actual_offset': offset})
        if r.until is not None and recorded > r.until:
            return self.keep('too_late', {'valid_until': time(r.until), 'log_time': time(recorded)})
        return self.keep(*[self.raw, self.asset, self.account, self.transact][r.kind](values))

    def keep(self, code, detail=()):
        self.log[-1][1] = code, dict(detail)
        return code, False, len(self.log) - 1, dict(detail)

    def raw(self, _):
        return 'ok',

    def asset(self, values):
        if self.assets.setdefault(values['code'], values['scale']) != values['scale']:
            return 'asset_exists', {'scale': self.assets[values['code']]}
        return 'ok',

    def account(self, values):
        if values['asset'] not in self.assets:
            return 'asset_not_found', {'asset': values['asset']}
        if values['account'] in self.accounts:
            return 'account_exists', {'name': self.accounts[values['account']]['name']}
        for i, other in self.accounts.items():
            if other['name'] == values['name']:
                return 'name_taken', {'name': values['name'], 'holder': uuid(i)}
        self.accounts[values['account']] = Entry(values, d=0, c=0, v=0)
        return 'ok',

    def transact(self, values):
        accounts, legs = self.accounts, values['legs']
        for n, leg in enumerate(legs):
            for side in 'debit', 'credit':
                if leg[side] not in accounts:
                    return 'account_not_found', {'leg': n, 'side': side, 'account': uuid(leg[side])}
        for n, condition in enumerate(values['conditions']):
            if condition['account'] not in accounts:
                return 'account_not_found', {'condition': n, 'account': uuid(condition['account'])}
        for n, leg in enumerate(legs):
            debit, credit = accounts[leg['debit']]['asset'], accounts[leg['credit']]['asset']
            if debit != credit:
                return 'asset_mismatch', {'leg': n, 'debit_asset': debit, 'credit_asset': credit}
        for n, condition in enumerate(values['conditions']):
            entry = accounts[condition['account']]
            actual = entry['v'] if condition['what'] == 1 else entry.posted()
            if not [actual == condition['value'], actual >= condition['value'],
                    actual <= condition['value']][condition['op'] - 1]:
                shown = actual if condition['what'] == 1 else amount(actual, self.assets[entry['asset']])
                return 'condition_failed', {'condition': n, 'account': entry['name'],
                                            'what': ['version', 'posted', 'available'][condition['what'] - 1],
                                            'actual': shown, 'version': entry['v']}
        after = {}
        for n, leg in enumerate(legs):
            for side in 'debit', 'credit':
                entry = after.setdefault(leg[side], Entry(accounts[leg[side]]))
                entry[side[0]] += leg['amount']
                if entry[side[0]] > MAX:
                    before = accounts[leg[side]]
                    return 'overflow', {'leg': n, 'account': entry['name'], 'side': side,
                                        'total': amount(before[side[0]], self.assets[entry['asset']])}
        for code, limit, way in ('insufficient_funds', 'floor', -1), ('ceiling_exceeded', 'ceiling', 1):
            for i, entry in after.items():
                was, now, scale = accounts[i].posted(), entry.posted(), self.assets[entry['asset']]
                if entry[limit] is None or (now - was) * way <= 0 or (now - entry[limit]) * way <= 0:
                    continue
                # The side that moves the account this way: debits raise those of kind 1 and 5.
                side = 'debit' if (entry['kind'] in (1, 5)) == (way > 0) else 'credit'
                n = min(n for n, leg in enumerate(legs) if leg[side] == i)
                names = ('available', 'floor', 'needed') if way < 0 else ('posted', 'ceiling', 'added')
                numbers = was, entry[limit], (now - was) * way
                return code, {'leg': n, 'account': entry['name'],
                              **{k: amount(v, scale) for k, v in zip(names, numbers)}}
        for i, entry in after.items():
            entry['v'] += 1
            accounts[i] = entry
        return 'ok',

    def digest(self):
        total = 0

        def i128(value):
            return (value or 0).to_bytes(16, 'little', signed=True)

        rows = [b'\2' + code.encode().ljust(16, b'\0') + bytes([scale]) for code, scale in self.assets.items()]
        for i, e in self.accounts.items():
            flags = 2 * (e['floor'] is not None) + 4 * (e['ceiling'] is not None)
            rows.append(b'\1' + i + e['asset'].encode().ljust(16, b'\0') + bytes([e['kind'], flags]) +
                        i128(e['floor']) + i128(e['ceiling']) + i128(e['d']) + i128(e['c']) + bytes(32) +
                        e['v'].to_bytes(8, 'little') + bytes([len(e['name'])]) + e['name'].encode())
        for row in rows:
            total += int.from_bytes(hashlib.sha256(row).digest(), 'big')
        return (total % 2**256).to_bytes(32, 'big').hex()


def main():
    count = sys.argv[2] if len(sys.argv) > 2 else '1000000' if os.environ.get('LEDGER_NIGHT') else '200000'
    driver = subprocess.Popen([sys.argv[1], count] + sys.argv[3:4], stdout=subprocess.PIPE, text=True)
    book, seen, errors, records = Book(), collections.Counter(), collections.Counter(), 0
    for line in driver.stdout:
        word, *rest = line.split()
        if word == 'book':
            book, offset = Book(), 0
            continue
        if word == 'digest':
            ours, theirs = book.digest(), rest[0]
        elif word == 'record':
            recorded, data, code, duplicate, first, detail, *balances = rest
            mine = book.apply(int(recorded), bytes.fromhex(data[1:]))
            records += 1
            seen[mine[0], mine[1]] += 1
            errors[mine[3].get('error')] += 1
            named = [balance.split(':') for balance in balances]
            ours = [*mine[:3], list(mine[3].items())] + [
                [i, str(e.posted()), str(e['v'])] for i in (b[0] for b in named)
                for e in [book.accounts[bytes.fromhex(i)]]]
            theirs = [code, duplicate == '1', int(first), list(json.loads(detail).items())] + named
        else:
            sys.exit(line)
        if ours != theirs:
            sys.exit(f'after {records} records, offset {len(book.log) - 1}:\n{line}\n'
                     f'reference: {ours}\nbook:      {theirs}')
    if driver.wait() != 0:
        sys.exit(f'{sys.argv[1]} ended with {driver.returncode}')
    print(f'{records} records, the same in both')
    for (code, duplicate), times in sorted(seen.items()):
        print(f'{times:9} {code}{" again" if duplicate else ""}')
    missing = [c for c in ALL_CODES if not seen[c, False]] + [e for e in ALL_ERRORS if not errors[e]]
    if missing:
        sys.exit('never happened: ' + ' '.join(missing))


main()
