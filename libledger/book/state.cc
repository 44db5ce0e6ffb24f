#include "book/state.h"

#include <cassert>

namespace ledger::book {

Verdict refusal(const Stamp& stamp, Code code, Detail detail) {
  return Verdict{.code = code, .first = stamp.offset, .detail = std::move(detail)};
}

std::optional<AccountIndex> BookState::find(const Id& id) const {
  const auto found = account_of.find(id);
  if (found == account_of.end()) return std::nullopt;
  return found->second;
}

std::optional<AccountIndex> BookState::find(std::string_view name) const {
  const auto found = account_named.find(name);
  if (found == account_named.end()) return std::nullopt;
  return *found;
}

AccountRow BookState::account_row(AccountIndex i) const {
  const Row& row = rows[i];
  AccountRow out;
  out.account = {.account = labels[i].id,
                 .name = std::string(name(i)),
                 .asset = assets[row.asset].code,
                 .kind = row.kind,
                 .floor = row.has_floor ? std::optional(row.floor) : std::nullopt,
                 .ceiling = row.has_ceiling ? std::optional(row.ceiling) : std::nullopt};
  out.debits_posted = row.debits;
  out.credits_posted = row.credits;
  out.version = row.version;
  out.opened = labels[i].opened;
  out.opened_at = labels[i].opened_at;
  out.last_offset = row.last_offset;
  return out;
}

void BookState::add_asset(const Asset& asset, Offset offset) {
  asset_of.emplace(asset.code, static_cast<uint32_t>(assets.size()));
  assets.push_back({asset.code, asset.scale, offset});
}

void BookState::add_account(const Account& account, Offset opened, Time opened_at) {
  const auto i = static_cast<AccountIndex>(rows.size());
  Row row;
  row.floor = account.floor.value_or(0);
  row.ceiling = account.ceiling.value_or(0);
  row.last_offset = opened;
  row.asset = asset_of.at(account.asset);
  row.kind = account.kind;
  row.has_floor = account.floor.has_value();
  row.has_ceiling = account.ceiling.has_value();
  rows.push_back(row);
  labels.push_back({account.account, opened, opened_at, names.size(),
                    static_cast<uint8_t>(account.name.size())});
  names += account.name;
  account_of.emplace(account.account, i);
  account_named.insert(i);
}

void BookState::mark(AccountIndex i) {
  Row& row = rows[i];
  if (!row.changed && i < accounts_summed) {
    row.changed = true;
    changed.push_back({i, row.version, row.debits, row.credits});
  }
  if (tracks_touched && !row.touched) {
    row.touched = true;
    touched_rows.push_back(i);
    touched.push_back(labels[i].id);
  }
}

Digest BookState::digest() {
  for (const Summed& before : changed) {
    AccountRow row = account_row(before.account);
    sum.add(digest_row(row));
    row.version = before.version;
    row.debits_posted = before.debits;
    row.credits_posted = before.credits;
    sum.take_away(digest_row(row));
    rows[before.account].changed = false;
  }
  changed.clear();
  for (; accounts_summed < rows.size(); ++accounts_summed) {
    sum.add(digest_row(account_row(static_cast<AccountIndex>(accounts_summed))));
  }
  for (; assets_summed < assets.size(); ++assets_summed) sum.add(digest_row(assets[assets_summed]));
  return sum.value();
}

Verdict BookState::decide(const Stamp& stamp, const RecordView& record) {
  if (const std::optional<RequestError> error = check(record, stamp.rules, body)) {
    return refusal(stamp, Code::malformed, {.error = std::string(ledger::name(error->code))});
  }
  if (record.expect_offset && *record.expect_offset != stamp.offset) {
    return refusal(stamp, Code::offset_mismatch,
                   {.expected = *record.expect_offset, .actual_offset = stamp.offset});
  }
  if (record.valid_until && log_time > *record.valid_until) {
    return refusal(stamp, Code::too_late,
                   {.valid_until = *record.valid_until, .log_time = log_time});
  }
  switch (static_cast<Kind>(record.kind)) {
    case Kind::asset:
      return decide_asset(stamp);
    case Kind::account:
      return decide_account(stamp);
    case Kind::transact:
      return decide_transact(stamp);
    default:
      return Verdict{.first = stamp.offset};
  }
}

Verdict BookState::decide_asset(const Stamp& stamp) {
  const auto known = asset_of.find(body.asset.code);
  if (known == asset_of.end()) {
    add_asset(body.asset, stamp.offset);
  } else if (const uint32_t scale = assets[known->second].scale; scale != body.asset.scale) {
    return refusal(stamp, Code::asset_exists, {.scale = scale});
  }
  return Verdict{.first = stamp.offset};
}

Verdict BookState::decide_account(const Stamp& stamp) {
  const Account& account = body.account;
  if (!asset_of.contains(account.asset)) {
    return refusal(stamp, Code::asset_not_found, {.asset = account.asset});
  }
  if (const std::optional<AccountIndex> holder = find(account.account)) {
    return refusal(stamp, Code::account_exists, {.name = std::string(name(*holder))});
  }
  if (const std::optional<AccountIndex> holder = find(account.name)) {
    return refusal(stamp, Code::name_taken, {.name = account.name, .holder = labels[*holder].id});
  }
  add_account(account, stamp.offset, stamp.recorded);
  return Verdict{.first = stamp.offset};
}

}  // namespace ledger::book
