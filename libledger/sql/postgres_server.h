// For tests: a PostgreSQL server of one's own, on a unix socket in a temporary directory.
#pragma once

#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "sql/open.h"
#include "sql/testing.h"

namespace ledger::sql {

/// Runs as the account postgres when the test is root, since the server refuses root. Ends with the
/// test, however that ends. Where none can be started the test is skipped, with the reason.
class PostgresServer {
 public:
  PostgresServer() {
    namespace fs = std::filesystem;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
      if (fs::exists(entry.path() / "bin/postgres")) bin_ = entry.path() / "bin";
    }
    if (bin_.empty()) skip("there is no /usr/lib/postgresql/*/bin/postgres");
    // The server's account must be able to reach its data.
    fs::permissions(scratch_.directory(), fs::perms(0711));
    fs::create_directory(data());
    if (geteuid() == 0 && run({"/bin/chown", "postgres", data(), socket_directory()}) != 0) {
      skip("there is no account postgres");
    }
    if (run(as_postgres({bin_ / "initdb", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C",
                         "-D", data()})) != 0) {
      skip("initdb fails");
    }
    start();
  }
  ~PostgresServer() { stop(SIGINT); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// Returns once connections are accepted.
  void start() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = spawn(as_postgres({bin_ / "postgres", "-D", data(), "-k", socket_directory(), "-c",
                              "listen_addresses=", "-c", "log_min_messages=log", "-c",
                              "log_checkpoints=off", "-c", "max_connections=20"}),
                 ends[1]);
    close(ends[1]);
    FILE* log = fdopen(ends[0], "r");
    char line[1024];
    bool ready = false;
    while (!ready && std::fgets(line, sizeof line, log) != nullptr) {
      ready = std::string(line).find("ready to accept connections") != std::string::npos;
    }
    if (!ready) skip("the server does not start: " + std::string(line));
    if (log_ != nullptr) std::fclose(log_);
    log_ = log;  // Kept open: the server still writes to it.
  }

  /// SIGINT: a clean stop. SIGQUIT: as after a crash.
  void stop(int signal) {
    if (pid_ == 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  std::string uri(const std::string& database = "postgres") const {
    return "postgresql:///" + database + "?host=" + socket_directory() + "&user=postgres";
  }

  Opening opening(bool write, const std::string& schema = "ledger") const {
    Opening out = parse_target(uri(), schema).value();
    out.display = "postgresql:///postgres";
    out.write = write;
    out.create = write;
    return out;
  }

  /// What psql would print, unaligned.
  std::string sql(const std::string& text) const {
    PGconn* connection = PQconnectdb(uri().c_str());
    PQclear(PQexec(connection,
                   "SET client_min_messages = warning; SET search_path = ledger; "
                   "SET TIME ZONE 'UTC'"));
    PGresult* result = PQexec(connection, text.c_str());
    std::string out;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
      out = std::string("error: ") + PQresultErrorMessage(result);
    }
    for (int row = 0; row < PQntuples(result); ++row) {
      if (row > 0) out += '\n';
      for (int column = 0; column < PQnfields(result); ++column) {
        out += (column == 0 ? "" : "|") + std::string(PQgetvalue(result, row, column));
      }
    }
    PQclear(result);
    PQfinish(connection);
    return out;
  }

  /// Ends the test program as skipped.
  [[noreturn]] static void skip(const std::string& reason) {
    std::fprintf(stderr, "skipped: %s\n", reason.c_str());
    std::_Exit(77);
  }

 private:
  std::string data() const { return scratch_.directory() / "data"; }
  std::string socket_directory() const { return scratch_.directory(); }

  static std::vector<std::string> as_postgres(std::vector<std::string> command) {
    std::vector<std::string> out;
    if (geteuid() == 0) {
      out = {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
    } else {
      out = {"/usr/bin/setpriv"};
    }
    out.insert(out.end(), {"--pdeathsig", "INT", "--"});
    out.insert(out.end(), command.begin(), command.end());
    return out;
  }

  static pid_t spawn(const std::vector<std::string>& command, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    char locale[] = "LC_ALL=C";
    char path[] = "PATH=/usr/bin:/bin";
    char* environment[] = {locale, path, nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environment) != 0) {
      pid = 0;
    }
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }

  static int run(const std::vector<std::string>& command) {
    FILE* nowhere = std::fopen("/dev/null", "w");
    const pid_t pid = spawn(command, fileno(nowhere));
    std::fclose(nowhere);
    int status = 1;
    if (pid == 0 || waitpid(pid, &status, 0) != pid) return 1;
    return status;
  }

  Scratch scratch_;
  std::filesystem::path bin_;
  pid_t pid_ = 0;
  FILE* log_ = nullptr;
};

}  // namespace ledger::sql
