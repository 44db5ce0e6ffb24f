#include "sql/postgres_connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace ledger::sql {
namespace {

/// Who holds a lock, for others that wait: at most 63 bytes of it are kept.
std::string application_name(const Opening& opening) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return "ledgerctl (pid " + std::to_string(getpid()) + " on host " +
         std::string(host.data()).substr(0, 24) + ") " + opening.name;
}

/// The SQLSTATE in a verbose message of a failed connection: `FATAL:  28P01: password …`. The
/// words around it are in the server's language.
std::string state_in(std::string_view message) {
  const auto plain = [](char c) { return is_digit(c) || is_upper(c); };
  for (size_t at = 0; (at = message.find(":  ", at)) != std::string_view::npos; ++at) {
    const std::string_view state = message.substr(at + 3, 5);
    if (state.size() == 5 && message.substr(at + 8, 2) == ": " &&
        std::ranges::all_of(state, plain)) {
      return std::string(state);
    }
  }
  return "";
}

/// The SQLSTATE of an exception; libpqxx 6 leaves it out where the exception's type says it.
std::string state_of(const pqxx::sql_error& error) {
  if (!error.sqlstate().empty()) return error.sqlstate();
  const auto is = [&error]<class T>() { return dynamic_cast<const T*>(&error) != nullptr; };
  if (is.operator()<pqxx::insufficient_privilege>()) return "42501";
  if (is.operator()<pqxx::disk_full>()) return "53100";
  if (is.operator()<pqxx::insufficient_resources>()) return "53000";
  if (is.operator()<pqxx::syntax_error>()) return "42000";
  if (is.operator()<pqxx::integrity_constraint_violation>()) return "23000";
  if (is.operator()<pqxx::data_exception>()) return "22000";
  return "";
}

}  // namespace

ConnectPolicy::ConnectPolicy(const Opening& opening)
    : connectionpolicy(opening.address), opening_(opening) {}

ConnectPolicy::handle ConnectPolicy::do_startconnect(handle before) {
  if (before != nullptr) return before;
  const std::string name = application_name(opening_);
  // What stands before dbname are defaults, which the URI may set otherwise. A host that went away
  // takes no packet: the kernel gives it up after half a minute, where its own way is hours.
  const char* const keys[] = {
      "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
      "dbname",          "application_name",    "client_encoding",  nullptr};
  const char* const values[] = {"10",         "5",    "4",    "30000", opening_.address.c_str(),
                                name.c_str(), "UTF8", nullptr};
  raw_ = PQconnectStartParams(keys, values, 1);
  if (raw_ == nullptr) throw std::bad_alloc();
  PQsetErrorVerbosity(raw_, PQERRORS_VERBOSE);
  const bool connected = PQstatus(raw_) != CONNECTION_BAD && finish() == PGRES_POLLING_OK;
  if (!connected) {
    const std::string message = PQerrorMessage(raw_);
    PQfinish(raw_);
    raw_ = nullptr;
    const std::string state = state_in(message);
    if (state.empty()) throw pqxx::broken_connection(message);
    throw pqxx::sql_error(message, "", state.c_str());
  }
  PQsetErrorVerbosity(raw_, PQERRORS_DEFAULT);
  return raw_;
}

/// Drives the handshake until it is over or the time is.
PostgresPollingStatusType ConnectPolicy::finish() const {
  using std::chrono::milliseconds;
  const Instant start = opening_.now();
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
    pollfd waiting{PQsocket(raw_), 0, 0};
    waiting.events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    int wait_ms = -1;
    if (opening_.connect_timeout > Duration(0)) {
      const Duration left = opening_.connect_timeout - (opening_.now() - start);
      wait_ms = static_cast<int>(std::max<int64_t>(left / milliseconds(1), 0));
    }
    if (const int ready = poll(&waiting, 1, wait_ms); ready == 0) return PGRES_POLLING_FAILED;
    status = PQconnectPoll(raw_);
  }
  return status;
}

Connection::Connection(const Opening& opening) : connection_base(policy_), policy_(opening) {
  init();
  // A connection that was lost is lost with its lock and settings: never quietly another one.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  inhibit_reactivation(true);
#pragma GCC diagnostic pop
  socket_ = fcntl(PQsocket(raw()), F_DUPFD_CLOEXEC, 3);
}

Connection::~Connection() noexcept {
  close();
  if (socket_ >= 0) ::close(socket_);
}

void Connection::cut() const {
  if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
}

bool is_alive(const Opening& opening, Duration limit) {
  const std::string seconds = std::to_string(std::max<int64_t>(limit / std::chrono::seconds(1), 1));
  const char* const keys[] = {"dbname", "connect_timeout", nullptr};
  const char* const values[] = {opening.address.c_str(), seconds.c_str(), nullptr};
  return PQpingParams(keys, values, 1) != PQPING_NO_RESPONSE;
}

void Faults::debug(std::string_view text) const {
  if (opening_.debug) opening_.debug(opening_.display + ": PostgreSQL: " + std::string(text));
}

Error Faults::current(bool committing) const {
  const Error lost{committing ? Code::unknown_outcome : Code::database_unreachable,
                   "lost the connection to " + opening_.display,
                   "run it again: it goes on from the watermark"};
  try {
    throw;
  } catch (const pqxx::in_doubt_error& error) {
    debug(error.what());
    return lost;
  } catch (const pqxx::broken_connection& error) {
    debug(error.what());
    return lost;
  } catch (const pqxx::sql_error& error) {
    const Error meant = of(state_of(error), error.what() + (" in " + error.query()));
    return committing && meant.code == Code::database_unreachable ? lost : meant;
  } catch (const std::exception& error) {
    debug(error.what());
    return {Code::internal, "libpqxx failed on " + opening_.display, "report it with -vv"};
  }
}

Error Faults::of(std::string_view state, std::string_view text) const {
  const std::string& display = opening_.display;
  const auto is = [state](std::initializer_list<std::string_view> prefixes) {
    return std::ranges::any_of(
        prefixes, [state](std::string_view prefix) { return state.starts_with(prefix); });
  };
  debug(std::string(state) + ": " + std::string(text));
  if (is({"28", "42501", "25006"})) {
    return {Code::denied, display + " does not allow it",
            "check role, password and pg_hba.conf; the replay needs to own its schema"};
  }
  if (is({"08", "57P", "53300"})) {
    return {Code::database_unreachable, "lost the connection to " + display,
            "run it again: it goes on from the watermark"};
  }
  if (is({"3D000"})) {
    return {Code::database_mismatch, "there is no such database: " + display, "createdb makes one"};
  }
  if (is({"55P03"})) {
    return {Code::replay_locked, "another replay holds " + display, "wait, or another --schema"};
  }
  if (is({"53100"})) {
    return {Code::no_space, "no room for " + display, "free space; it goes on from there"};
  }
  if (is({"40", "53"})) return {Code::busy, display + " is overloaded", "run it again later"};
  if (is({"57014"})) return {Code::timeout, display + " cancelled a statement", "run it again"};
  if (is({"58", "XX001", "XX002"})) {
    return {Code::io, "reading or writing " + display + " failed", "look into the server's log"};
  }
  if (is({"2BP01"})) {
    return {Code::database_mismatch,
            "other objects depend on the tables in schema " + opening_.schema + " of " + display,
            "drop them first, or choose another --schema"};
  }
  if (is({"42", "22", "23", "3F"})) {
    return {Code::database_mismatch,
            "schema " + opening_.schema + " of " + display + " is not as replay made it",
            "another --schema, or `replay run --rebuild --yes`"};
  }
  return {Code::internal, "PostgreSQL answers " + std::string(state) + " for " + display,
          "report it with -vv"};
}

}  // namespace ledger::sql
