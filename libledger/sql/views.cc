#include "sql/schema.h"

namespace ledger::sql {
namespace {

// What is exact in PostgreSQL by numeric has to be done in SQLite with text: `p` is an integer in
// text form, `scale` its decimals, and zeros are put in front until there is a digit before the
// point. SUM and AMOUNT stand for what the file's way to store amounts needs: over text
// decimal_sum(), which the sqlite3 shell brings (it can say -0) and we register.

constexpr ViewColumn entry_columns[] = {
    {"account", "Account that the leg touches"},
    {"contra", "The account on the other side"},
    {"log_offset", "Offset of the transaction"},
    {"leg", "Number of the leg in it"},
    {"tx", "Id of the transaction"},
    {"effective_at", "Business date"},
    {"recorded_at", "When the ledger took it"},
    {"asset", "Asset of both accounts"},
    {"debit", "Minor units, 0 if the account is credited"},
    {"credit", "Minor units, 0 if the account is debited"},
    {"memo", "What the client wrote"},
};
constexpr std::string_view entries_postgres = R"sql(
  SELECT t.debit, t.credit, t.log_offset, t.leg, x.id, x.effective_at, x.recorded_at,
         t.asset, t.amount, 0::numeric, x.memo
    FROM transfers t JOIN transactions x USING (log_offset) WHERE t.posted
  UNION ALL
  SELECT t.credit, t.debit, t.log_offset, t.leg, x.id, x.effective_at, x.recorded_at,
         t.asset, 0::numeric, t.amount, x.memo
    FROM transfers t JOIN transactions x USING (log_offset) WHERE t.posted)sql";
constexpr std::string_view entries_sqlite = R"sql(
  SELECT t.debit, t.credit, t.log_offset, t.leg, x.id, x.effective_at, x.recorded_at,
         t.asset, t.amount, 0, x.memo
    FROM transfers t JOIN transactions x USING (log_offset) WHERE t.posted = 1
  UNION ALL
  SELECT t.credit, t.debit, t.log_offset, t.leg, x.id, x.effective_at, x.recorded_at,
         t.asset, 0, t.amount, x.memo
    FROM transfers t JOIN transactions x USING (log_offset) WHERE t.posted = 1)sql";

constexpr ViewColumn account_balance_columns[] = {
    {"id", "Id of the account"},
    {"name", "Its name"},
    {"kind", "asset, liability, equity, income or expense"},
    {"asset", "Its asset"},
    {"balance", "On the account's normal side, major units"},
    {"available", "The balance less what is reserved, major units"},
    {"version", "How many accepted transactions touched the account"},
    {"last_offset", "Offset of the last of them, else of its creation"},
};
constexpr std::string_view account_balances_postgres = R"sql(
  SELECT a.id, a.name, a.kind, a.asset, major(b.posted, c.scale), major(b.available, c.scale),
         b.version, b.last_offset
    FROM accounts a JOIN assets c ON c.code = a.asset JOIN balances b ON b.account = a.id)sql";
constexpr std::string_view account_balances_sqlite = R"sql(
  WITH m AS (SELECT a.id, a.name, a.kind, a.asset, c.scale, b.version, b.last_offset,
                    CAST(b.posted AS TEXT) AS p, CAST(b.available AS TEXT) AS v,
                    ltrim(CAST(b.posted AS TEXT), '-') AS pd,
                    ltrim(CAST(b.available AS TEXT), '-') AS vd
               FROM accounts a JOIN assets c ON c.code = a.asset JOIN balances b ON b.account = a.id),
       z AS (SELECT *,
                    substr('0000000000000000000', 1, max(0, scale + 1 - length(pd))) || pd AS pz,
                    substr('0000000000000000000', 1, max(0, scale + 1 - length(vd))) || vd AS vz
               FROM m)
  SELECT id, name, kind, asset,
         iif(p LIKE '-%', '-', '') ||
           iif(scale = 0, pz, substr(pz, 1, length(pz) - scale) || '.' || substr(pz, -scale)),
         iif(v LIKE '-%', '-', '') ||
           iif(scale = 0, vz, substr(vz, 1, length(vz) - scale) || '.' || substr(vz, -scale)),
         version, last_offset FROM z)sql";

constexpr ViewColumn trial_balance_columns[] = {
    {"asset", "Asset"},
    {"kind", "Kind of accounts; null in the total row of an asset"},
    {"debits", "Sum of debits: major units in PostgreSQL, minor in SQLite"},
    {"credits", "Sum of credits; equals debits in a total row"},
};
constexpr std::string_view trial_balance_postgres = R"sql(
  SELECT a.asset, a.kind, major(sum(b.debits_posted), max(c.scale)),
         major(sum(b.credits_posted), max(c.scale))
    FROM accounts a JOIN balances b ON b.account = a.id JOIN assets c ON c.code = a.asset
   GROUP BY ROLLUP (a.asset, a.kind) HAVING a.asset IS NOT NULL)sql";
constexpr std::string_view trial_balance_sqlite = R"sql(
  SELECT a.asset, a.kind, SUM(b.debits_posted), SUM(b.credits_posted)
    FROM accounts a JOIN balances b ON b.account = a.id GROUP BY a.asset, a.kind
  UNION ALL
  SELECT a.asset, NULL, SUM(b.debits_posted), SUM(b.credits_posted)
    FROM accounts a JOIN balances b ON b.account = a.id GROUP BY a.asset)sql";

constexpr ViewColumn account_statement_columns[] = {
    {"account", "Id of the account"},
    {"name", "Its name"},
    {"log_offset", "Offset of the transaction"},
    {"leg", "Number of the leg in it"},
    {"tx", "Id of the transaction"},
    {"effective_at", "Business date"},
    {"recorded_at", "When the ledger took it"},
    {"contra_name", "Name of the account on the other side"},
    {"change", "What the leg does to the balance, major units, signed"},
    {"balance", "After the leg, in the order of the log, major units"},
    {"memo", "What the client wrote"},
};
constexpr std::string_view account_statement_postgres = R"sql(
  SELECT e.account, a.name, e.log_offset, e.leg, e.tx, e.effective_at, e.recorded_at, n.name,
         major(s.change, c.scale),
         major(sum(s.change) OVER (PARTITION BY e.account ORDER BY e.log_offset, e.leg), c.scale),
         e.memo
    FROM entries e JOIN accounts a ON a.id = e.account JOIN accounts n ON n.id = e.contra
    JOIN assets c ON c.code = a.asset
   CROSS JOIN LATERAL (SELECT CASE WHEN a.kind IN ('asset', 'expense') THEN e.debit - e.credit
                                   ELSE e.credit - e.debit END AS change) s)sql";

// The legs of both sides, their signed change, its running sum, then text.
constexpr std::string_view account_statement_sqlite = R"sql(
  WITH l AS (SELECT debit AS account, credit AS contra, log_offset, leg, amount, 1 AS debited
               FROM transfers WHERE posted = 1
             UNION ALL
             SELECT credit, debit, log_offset, leg, amount, 0 FROM transfers WHERE posted = 1),
       s AS (SELECT l.account, a.name, l.log_offset, l.leg, x.id AS tx, x.effective_at,
                    x.recorded_at, n.name AS contra_name, c.scale, x.memo,
                    iif((a.kind IN ('asset', 'expense')) = l.debited, l.amount,
                        CAST('-' || l.amount AS AMOUNT)) AS change
               FROM l JOIN transactions x ON x.log_offset = l.log_offset
               JOIN accounts a ON a.id = l.account JOIN accounts n ON n.id = l.contra
               JOIN assets c ON c.code = a.asset),
       r AS (SELECT *, CAST(change AS TEXT) AS p,
                    CAST(SUM(change) OVER (PARTITION BY account ORDER BY log_offset, leg)
                         AS TEXT) AS v FROM s),
       d AS (SELECT *, ltrim(p, '-') AS pd, ltrim(v, '-') AS vd FROM r),
       z AS (SELECT *,
                    substr('0000000000000000000', 1, max(0, scale + 1 - length(pd))) || pd AS pz,
                    substr('0000000000000000000', 1, max(0, scale + 1 - length(vd))) || vd AS vz
               FROM d)
  SELECT account, name, log_offset, leg, tx, effective_at, recorded_at, contra_name,
         iif(p LIKE '-%', '-', '') ||
           iif(scale = 0, pz, substr(pz, 1, length(pz) - scale) || '.' || substr(pz, -scale)),
         iif(v LIKE '-%' AND ltrim(v, '-0') <> '', '-', '') ||
           iif(scale = 0, vz, substr(vz, 1, length(vz) - scale) || '.' || substr(vz, -scale)),
         memo FROM z)sql";

constexpr ViewColumn open_hold_columns[] = {
    {"log_offset", "Offset of the pending transaction"},
    {"id", "Its id"},
    {"account", "Account on one side of the leg"},
    {"name", "Name of the account"},
    {"asset", "Asset"},
    {"amount", "What is reserved, major units"},
    {"expires_at", "When the hold lapses"},
};
constexpr std::string_view open_holds_postgres = R"sql(
  SELECT t.log_offset, x.id, a.id, a.name, t.asset, major(t.amount, c.scale), x.expires_at
    FROM transactions x JOIN transfers t ON t.log_offset = x.log_offset AND NOT t.posted
    JOIN accounts a ON a.id IN (t.debit, t.credit) JOIN assets c ON c.code = t.asset
   WHERE x.status = 'pending')sql";
constexpr std::string_view open_holds_sqlite = R"sql(
  WITH m AS (SELECT t.log_offset, x.id, a.id AS account, a.name, t.asset, c.scale, x.expires_at,
                    CAST(t.amount AS TEXT) AS p
               FROM transactions x
               JOIN transfers t ON t.log_offset = x.log_offset AND t.posted = 0
               JOIN accounts a ON a.id IN (t.debit, t.credit) JOIN assets c ON c.code = t.asset
              WHERE x.status = 'pending'),
       z AS (SELECT *, substr('0000000000000000000', 1, max(0, scale + 1 - length(p))) || p AS pz
               FROM m)
  SELECT log_offset, id, account, name, asset,
         iif(scale = 0, pz, substr(pz, 1, length(pz) - scale) || '.' || substr(pz, -scale)),
         expires_at FROM z)sql";

constexpr ViewColumn clearing_columns[] = {
    {"account", "Id of a clearing account that is not at zero"},
    {"name", "Its name, one part of which is clearing"},
    {"asset", "Its asset"},
    {"balance", "What is not cleared, major units"},
    {"oldest_at", "Recorded time of the first entry since it was last at zero"},
};
constexpr std::string_view clearing_postgres = R"sql(
  SELECT b.id, b.name, b.asset, b.balance,
         (SELECT min(s.recorded_at) FROM account_statement s
           WHERE s.account = b.id
             AND (s.log_offset, s.leg) > (SELECT coalesce(max(z.log_offset), -1),
                                                 coalesce(max(z.leg), -1)
                                            FROM (SELECT y.log_offset, y.leg
                                                    FROM account_statement y
                                                   WHERE y.account = b.id AND y.balance = 0
                                                   ORDER BY 1 DESC, 2 DESC LIMIT 1) z))
    FROM account_balances b
   WHERE b.kind IN ('asset', 'liability', 'equity') AND b.balance <> 0
     AND ':' || b.name || ':' LIKE '%:clearing:%')sql";
constexpr std::string_view clearing_sqlite = R"sql(
  SELECT b.id, b.name, b.asset, b.balance,
         (SELECT min(s.recorded_at) FROM account_statement s
           WHERE s.account = b.id
             AND (s.log_offset, s.leg) > (SELECT coalesce(max(z.log_offset), -1),
                                                 coalesce(max(z.leg), -1)
                                            FROM (SELECT y.log_offset, y.leg
                                                    FROM account_statement y
                                                   WHERE y.account = b.id
                                                     AND trim(y.balance, '-0.') = ''
                                                   ORDER BY 1 DESC, 2 DESC LIMIT 1) z))
    FROM account_balances b
   WHERE b.kind IN ('asset', 'liability', 'equity') AND trim(b.balance, '-0.') <> ''
     AND ':' || b.name || ':' LIKE '%:clearing:%')sql";

constexpr View all[] = {
    {"entries", "The journal an accountant reads: one row per account and leg", entry_columns,
     entries_postgres, entries_sqlite},
    {"account_balances", "Balances by name, in major units", account_balance_columns,
     account_balances_postgres, account_balances_sqlite},
    {"trial_balance", "Sums by asset and kind; in the total rows debits equal credits",
     trial_balance_columns, trial_balance_postgres, trial_balance_sqlite},
    {"account_statement", "Each account's entries in the order of the log, with running balance",
     account_statement_columns, account_statement_postgres, account_statement_sqlite},
    {"open_holds", "What pending transactions reserve: one row per side of a leg",
     open_hold_columns, open_holds_postgres, open_holds_sqlite},
    {"clearing", "Clearing accounts of kind asset, liability or equity that are not at zero",
     clearing_columns, clearing_postgres, clearing_sqlite},
};

}  // namespace

std::span<const View> views() {
  return all;
}

}  // namespace ledger::sql
