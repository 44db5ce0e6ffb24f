// ledgerctl: client, node and offline tool in one program.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>

#include "build_info.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/secrets.h"
#include "completion.h"
#include "dev_target.h"
#include "io/lifeline.h"

namespace ledger::cli {
namespace {

/// The exit code of a failure: the only place where one becomes the other.
int exit_status(const Failure& failure) {
  return exit_code(failure.code);
}

/// Descriptors 0 to 2 that are closed would be taken by the first files opened. Held open they fail
/// as closed ones do: no input, and output that can't be written. Before all other initialisers,
/// since one of gRPC's opens a descriptor and keeps it.
__attribute__((constructor(101))) void hold_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) static_cast<void>(open("/dev/null", O_RDONLY));
  }
}

void warn_of_variables(const Settings& settings, Report& report) {
  if (settings.unknown_variables.empty()) return;
  std::string names;
  for (const std::string& name : settings.unknown_variables) {
    names += names.empty() ? name : ", " + name;
  }
  report.warning(fmt::format("unknown environment variable{} {}",
                             settings.unknown_variables.size() == 1 ? "" : "s", names));
}

Outcome run_command(const Request& request, Out& out, Report& report) {
  const Args args = TRY(parse(*request.command, request.words));
  Settings settings = TRY(settle(*request.command, args));
  report.set_style(settings.style);
  warn_of_variables(settings, report);
  TRY(find_dev_endpoints(settings, *request.command));
  Context context{*request.command, args, settings, out, report};
  return request.command->run(context);
}

Outcome run(const std::vector<std::string>& words, Out& out, Report& report) {
  const Request request = TRY(find_request(words));
  switch (request.kind) {
    case Request::Kind::version:
      TRY(out.line(fmt::format("ledgerctl {}", build::version)));
      return 0;
    case Request::Kind::help:
    case Request::Kind::bare: {
      const std::string text = request.command ? command_help(*request.command)
                               : request.noun  ? noun_help(*request.noun)
                                               : program_help();
      if (request.kind == Request::Kind::help) {
        TRY(out.print(text));
        return 0;
      }
      report.prose(text);
      return exit_code(Code::usage);
    }
    case Request::Kind::command:
      break;
  }
  return run_command(request, out, report);
}

int main(int argc, char** argv) {
  io::follow_parent();
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  hide_passwords(argc, argv);
  std::signal(SIGPIPE, SIG_DFL);

  Out out;
  if (!words.empty() && words[0] == "__complete") {
    const Result<void> printed = out.print(complete({words.begin() + 1, words.end()}));
    return printed && out.close() ? 0 : exit_code(Code::io);
  }
  Report report(guess_style(words));
  Outcome outcome = 0;
  try {
    outcome = run(words, out, report);
  } catch (const std::exception& exception) {
    Failure failure =
        Error{Code::internal, fmt::format("unexpected failure in ledgerctl {}", build::version),
              "report this with the command and -vv"};
    failure.detail = exception.what();
    outcome = tl::unexpected(std::move(failure));
  }
  report.end_progress();
  // What was printed stands, whatever failed afterwards.
  if (const Result<void> closed = out.close(); !closed && outcome) {
    outcome = tl::unexpected<Failure>(closed.error());
  }
  if (outcome) return *outcome;
  report.error(outcome.error());
  return exit_status(outcome.error());
}

}  // namespace
}  // namespace ledger::cli

int main(int argc, char** argv) {
  // All that we own is closed and flushed. What would still be destroyed are the statics of
  // libraries whose threads may be running: nothing of ours hangs on them, and they may hang.
  std::_Exit(ledger::cli::main(argc, argv));
}
