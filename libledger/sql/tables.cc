#include "sql/schema.h"

namespace ledger::sql {
namespace {

constexpr Column replay_columns[] = {
    {"name", Type::text, "text PRIMARY KEY", "TEXT PRIMARY KEY",
     "Label given when the projection was made; checked at each run"},
    {"cluster_id", Type::id, "uuid NOT NULL", "TEXT NOT NULL", "Cluster whose log this is"},
    {"schema_version", Type::integer, "integer NOT NULL", "INTEGER NOT NULL",
     "Version of these tables"},
    {"first_offset", Type::offset, "bigint NOT NULL CHECK (first_offset >= 0)",
     "INTEGER NOT NULL CHECK (first_offset >= 0)",
     "Rows of earlier records were left out (--from); balances include them"},
    {"raw", Type::boolean, "boolean NOT NULL", "INTEGER NOT NULL CHECK (raw IN (0,1))",
     "Raw records are kept in the table records"},
    {"next_offset", Type::offset, "bigint NOT NULL CHECK (next_offset >= 0)",
     "INTEGER NOT NULL CHECK (next_offset >= 0)",
     "The watermark: first offset not yet applied; moves with the rows"},
    {"last_id", Type::id, "uuid", "TEXT",
     "Id of record next_offset - 1; null while next_offset is 0"},
    {"last_recorded_ns", Type::offset, "bigint", "INTEGER",
     "Recorded time of record next_offset - 1, nanoseconds since 1970"},
    {"state_digest", Type::bytes, "bytea NOT NULL CHECK (octet_length(state_digest) = 32)",
     "BLOB NOT NULL CHECK (length(state_digest) = 32)",
     "Digest of assets, accounts and balances as of next_offset"},
    {"log_root", Type::bytes, "bytea CHECK (octet_length(log_root) = 32)", "BLOB",
     "Merkle root over [0, next_offset); null until that is built"},
    {"updated_at", Type::time, "timestamptz NOT NULL", "TEXT NOT NULL",
     "When the watermark last moved, by the clock of the database's machine"},
    // The last column, so that the others stand alike in both; PostgreSQL has no such choice.
    {"amounts", Type::text, "", "TEXT NOT NULL CHECK (amounts IN ('integer','text'))",
     "How amounts are stored in this file"},
};

constexpr Column asset_columns[] = {
    {"code", Type::text, "text PRIMARY KEY", "TEXT PRIMARY KEY", "Currency or other unit: USD"},
    {"scale", Type::small, "smallint NOT NULL CHECK (scale BETWEEN 0 AND 18)",
     "INTEGER NOT NULL CHECK (scale BETWEEN 0 AND 18)",
     "Decimals: an amount of 4000 at scale 2 is 40.00"},
    {"log_offset", Type::offset, "bigint NOT NULL", "INTEGER NOT NULL",
     "Offset of the record that defined it"},
};

constexpr Column account_columns[] = {
    {"id", Type::id, "uuid PRIMARY KEY", "TEXT PRIMARY KEY", "Id of the account"},
    {"name", Type::text, "text NOT NULL UNIQUE", "TEXT NOT NULL UNIQUE",
     "Parts joined by colons: assets:bank:eur"},
    {"asset", Type::text, "text NOT NULL", "TEXT NOT NULL", "Code of the one asset it holds"},
    {"kind", Type::text,
     "text NOT NULL CHECK (kind IN ('asset','liability','equity','income','expense'))",
     "TEXT NOT NULL CHECK (kind IN ('asset','liability','equity','income','expense'))",
     "Debits increase asset and expense accounts, credits the others"},
    {"floor", Type::amount, "numeric(39,0)", "AMOUNT",
     "What available may not fall below, minor units; null: no limit"},
    {"ceiling", Type::amount, "numeric(39,0)", "AMOUNT",
     "What posted may not rise above, minor units; null: no limit"},
    {"closed", Type::boolean, "boolean NOT NULL DEFAULT false",
     "INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0,1))", "Takes no more transactions"},
    {"opened_at", Type::time, "timestamptz NOT NULL", "TEXT NOT NULL",
     "Recorded time of the record that opened it"},
    {"log_offset", Type::offset, "bigint NOT NULL", "INTEGER NOT NULL",
     "Offset of the record that opened it"},
    {"meta", Type::json, "jsonb NOT NULL DEFAULT '{}'", "TEXT NOT NULL DEFAULT '{}'",
     "JSON object of that record, opaque to the ledger"},
};

constexpr Column balance_columns[] = {
    {"account", Type::id, "uuid PRIMARY KEY", "TEXT PRIMARY KEY", "Id of the account"},
    {"debits_posted", Type::amount, "numeric(39,0) NOT NULL CHECK (debits_posted >= 0)",
     "AMOUNT NOT NULL", "Sum of all debits, minor units"},
    {"credits_posted", Type::amount, "numeric(39,0) NOT NULL CHECK (credits_posted >= 0)",
     "AMOUNT NOT NULL", "Sum of all credits, minor units"},
    {"debits_pending", Type::amount, "numeric(39,0) NOT NULL CHECK (debits_pending >= 0)",
     "AMOUNT NOT NULL", "Debits that are reserved and not yet posted, minor units"},
    {"credits_pending", Type::amount, "numeric(39,0) NOT NULL CHECK (credits_pending >= 0)",
     "AMOUNT NOT NULL", "Credits that are reserved and not yet posted, minor units"},
    {"posted", Type::amount, "numeric(39,0) NOT NULL", "AMOUNT NOT NULL",
     "The balance on the account's normal side, minor units"},
    {"available", Type::amount, "numeric(39,0) NOT NULL", "AMOUNT NOT NULL",
     "posted less what is reserved, minor units"},
    {"version", Type::offset, "bigint NOT NULL", "INTEGER NOT NULL",
     "How many accepted transactions touched the account"},
    {"last_offset", Type::offset, "bigint NOT NULL", "INTEGER NOT NULL",
     "Offset of the last of them, else of the account's creation"},
};

constexpr Column transaction_columns[] = {
    {"log_offset", Type::offset, "bigint PRIMARY KEY", "INTEGER PRIMARY KEY",
     "Offset of the record; replaying twice cannot insert twice"},
    {"id", Type::id, "uuid NOT NULL UNIQUE", "TEXT NOT NULL UNIQUE", "The client's id"},
    {"kind", Type::text,
     "text NOT NULL CHECK (kind IN ('transfer','pending','post','void','reversal'))",
     "TEXT NOT NULL CHECK (kind IN ('transfer','pending','post','void','reversal'))",
     "What the transaction does"},
    {"status", Type::text,
     "text NOT NULL CHECK (status IN ('posted','pending','voided','expired','reversed'))",
     "TEXT NOT NULL CHECK (status IN ('posted','pending','voided','expired','reversed'))",
     "What became of it"},
    {"recorded_at", Type::time, "timestamptz NOT NULL", "TEXT NOT NULL",
     "When the ledger took it; order by log_offset, never by this"},
    {"effective_at", Type::time, "timestamptz NOT NULL", "TEXT NOT NULL",
     "Business date the client gave, else recorded_at"},
    {"expires_at", Type::time, "timestamptz", "TEXT", "When a pending transaction lapses"},
    {"refers_to", Type::id, "uuid", "TEXT", "Id of the pending or reversed transaction"},
    {"settled_by", Type::offset, "bigint", "INTEGER",
     "Offset that posted, voided, expired or reversed it"},
    {"memo", Type::text, "text", "TEXT", "What the client wrote; null where nothing"},
    {"meta", Type::json, "jsonb NOT NULL DEFAULT '{}'", "TEXT NOT NULL DEFAULT '{}'",
     "JSON object of the record, opaque to the ledger"},
};
constexpr std::string_view transaction_indexes[] = {
    "CREATE INDEX transactions_effective ON transactions (effective_at, log_offset)",
    "CREATE INDEX transactions_refers_to ON transactions (refers_to) WHERE refers_to IS NOT NULL",
    "CREATE INDEX transactions_open ON transactions (expires_at) WHERE status = 'pending'",
};

constexpr Column transfer_columns[] = {
    {"log_offset", Type::offset, "bigint NOT NULL", "INTEGER NOT NULL",
     "Offset of the transaction"},
    {"leg", Type::small, "smallint NOT NULL CHECK (leg BETWEEN 0 AND 63)",
     "INTEGER NOT NULL CHECK (leg BETWEEN 0 AND 63)", "Number of the leg in it, from 0"},
    {"debit", Type::id, "uuid NOT NULL", "TEXT NOT NULL", "Account that is debited"},
    {"credit", Type::id, "uuid NOT NULL", "TEXT NOT NULL", "Account that is credited"},
    {"asset", Type::text, "text NOT NULL", "TEXT NOT NULL", "Asset of both accounts"},
    {"amount", Type::amount, "numeric(39,0) NOT NULL CHECK (amount > 0)",
     "AMOUNT NOT NULL CHECK (amount NOT GLOB '*[^0-9]*' AND amount <> '0')", "Minor units"},
    {"posted", Type::boolean, "boolean NOT NULL", "INTEGER NOT NULL CHECK (posted IN (0,1))",
     "False for a reservation: no money moved"},
};
constexpr std::string_view transfer_postgres_indexes[] = {
    "CREATE INDEX transfers_debit ON transfers (debit, log_offset) WHERE posted",
    "CREATE INDEX transfers_credit ON transfers (credit, log_offset) WHERE posted",
};
constexpr std::string_view transfer_sqlite_indexes[] = {
    "CREATE INDEX transfers_debit ON transfers (debit, log_offset) WHERE posted = 1",
    "CREATE INDEX transfers_credit ON transfers (credit, log_offset) WHERE posted = 1",
};

constexpr Column rejection_columns[] = {
    {"log_offset", Type::offset, "bigint PRIMARY KEY", "INTEGER PRIMARY KEY",
     "Offset of the refused record"},
    {"id", Type::id, "uuid NOT NULL", "TEXT NOT NULL",
     "The client's id; more than one refusal can bear it"},
    {"kind", Type::text, "text NOT NULL", "TEXT NOT NULL",
     "What was refused: raw, asset, account, transact"},
    {"code", Type::text, "text NOT NULL", "TEXT NOT NULL",
     "Why: insufficient_funds, id_conflict and so on"},
    {"leg", Type::small, "smallint", "INTEGER", "The leg at fault, where it was one"},
    {"recorded_at", Type::time, "timestamptz NOT NULL", "TEXT NOT NULL",
     "When the ledger took the record"},
    {"detail", Type::json, "jsonb NOT NULL DEFAULT '{}'", "TEXT NOT NULL DEFAULT '{}'",
     "The numbers of the decision, amounts in major units"},
};
constexpr std::string_view rejection_indexes[] = {
    "CREATE INDEX rejections_id ON rejections (id)",
};

constexpr Column record_columns[] = {
    {"log_offset", Type::offset, "bigint PRIMARY KEY", "INTEGER PRIMARY KEY",
     "Offset of the record"},
    {"id", Type::id, "uuid NOT NULL", "TEXT NOT NULL", "The client's id"},
    {"recorded_at", Type::time, "timestamptz NOT NULL", "TEXT NOT NULL", "When the ledger took it"},
    {"value", Type::bytes, "bytea NOT NULL", "BLOB NOT NULL", "Its bytes"},
};

constexpr std::string_view plain = "STRICT";
constexpr std::string_view by_key = "STRICT, WITHOUT ROWID";

constexpr Table replay = {
    .name = "replay",
    .comment = "Exactly one row: whose log this is and how far it has been applied",
    .columns = replay_columns,
    .sqlite_tail = by_key,
};

constexpr std::array<Table, table_count> tables = {{
    {.name = "assets",
     .comment = "Currencies and other units",
     .columns = asset_columns,
     .sqlite_tail = by_key},
    {.name = "accounts",
     .comment = "Accounts, as they were opened; their money stands in balances",
     .columns = account_columns,
     .sqlite_tail = by_key},
    {.name = "balances",
     .comment = "Minor units; one row per account, from its creation on",
     .columns = balance_columns,
     .postgres_tail = "WITH (fillfactor = 70)",
     .sqlite_rest = ", CHECK (debits_posted || credits_posted || debits_pending || credits_pending "
                    "NOT GLOB '*[^0-9]*'), "
                    "CHECK (ltrim(posted, '-') || ltrim(available, '-') NOT GLOB '*[^0-9]*')",
     .sqlite_tail = by_key},
    {.name = "transactions",
     .comment = "Accepted transactions, one row each; what moved stands in transfers",
     .columns = transaction_columns,
     .sqlite_tail = plain,
     .postgres_indexes = transaction_indexes,
     .sqlite_indexes = transaction_indexes},
    {.name = "transfers",
     .comment = "The legs of accepted transactions: from the credited to the debited account",
     .columns = transfer_columns,
     .key = 2,
     .postgres_rest = ", PRIMARY KEY (log_offset, leg), CHECK (debit <> credit)",
     .sqlite_rest = ", PRIMARY KEY (log_offset, leg), CHECK (debit <> credit)",
     .sqlite_tail = by_key,
     .postgres_indexes = transfer_postgres_indexes,
     .sqlite_indexes = transfer_sqlite_indexes},
    {.name = "rejections",
     .comment = "Records that the ledger refused, of every kind",
     .columns = rejection_columns,
     .sqlite_tail = plain,
     .postgres_indexes = rejection_indexes,
     .sqlite_indexes = rejection_indexes},
    {.name = "records",
     .comment = "Raw records; filled only where the projection was made with --raw",
     .columns = record_columns,
     .sqlite_tail = plain},
}};

}  // namespace

const Table& table(TableName name) {
  return tables[static_cast<size_t>(name)];
}

const Table& replay_table() {
  return replay;
}

}  // namespace ledger::sql
