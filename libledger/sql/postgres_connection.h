// libpqxx and libpq as one connection. In the module postgres.so only.
#pragma once

#include <libpq-fe.h>

#include <functional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sql/target.h"

namespace ledger::sql {

/// Connects by libpq itself, within a deadline, and keeps the handle that binary COPY needs.
class ConnectPolicy : public pqxx::connectionpolicy {
 public:
  explicit ConnectPolicy(const Opening& opening);

  handle do_startconnect(handle before) override;
  PGconn* raw() const { return raw_; }

 private:
  PostgresPollingStatusType finish() const;

  const Opening& opening_;
  PGconn* raw_ = nullptr;
};

class Connection : public pqxx::connection_base {
 public:
  /// Throws what libpqxx throws.
  explicit Connection(const Opening& opening);
  ~Connection() noexcept;

  PGconn* raw() const { return policy_.raw(); }
  /// Ends the connection under whoever uses it now. Any thread.
  void cut() const;

 private:
  ConnectPolicy policy_;
  int socket_ = -1;  ///< Our own name for libpq's socket, good even after libpq has closed its own.
};

/// Whether the server takes connections, asked for about `limit`: whoever asks needs no password.
bool is_alive(const Opening& opening, Duration limit);

/// Makes errors of exceptions and SQLSTATEs.
class Faults {
 public:
  explicit Faults(const Opening& opening) : opening_(opening) {}

  /// Of what is being handled now. `committing`: an answer that did not come leaves the outcome
  /// unknown.
  Error current(bool committing = false) const;
  /// What five characters of SQLSTATE mean for the caller; `text` is the server's, for -vv.
  Error of(std::string_view state, std::string_view text) const;

 private:
  void debug(std::string_view text) const;

  const Opening& opening_;
};

}  // namespace ledger::sql
