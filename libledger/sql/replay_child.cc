// For tests: replays a scripted log into a target, in a process that can be killed.
//
//     sql-replay-child TARGET SEED RECORDS [KILL_US]
//
// Prints the watermark at the end. With KILL_US it is ended by a signal after so many microseconds,
// wherever it is then.
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>

#include "sql/open.h"
#include "sql/replay.h"
#include "sql/scripted_source.h"

int main(int count, char** arguments) {
  using namespace ledger;
  if (count < 4) return 64;
  sql::ScriptedSource source = sql::random_source(std::strtoull(arguments[2], nullptr, 10),
                                                  std::strtoull(arguments[3], nullptr, 10));
  Result<sql::Opening> opening = sql::parse_target(arguments[1], "ledger");
  if (!opening) return 64;
  opening->write = opening->create = true;
  sql::Job job;
  job.open = [&] { return sql::open_target(*opening, ""); };
  job.batch_records = 50;
  if (count > 4) {
    itimerval timer{};
    const int us = std::atoi(arguments[4]);
    timer.it_value = {us / 1'000'000, us % 1'000'000};
    // SIGALRM is handled by nobody: it ends the process as SIGKILL does.
    if (us > 0) setitimer(ITIMER_REAL, &timer, nullptr);
  }
  const Result<sql::Summary> summary = sql::run(source, job);
  if (!summary) {
    std::fprintf(stderr, "%s\n", summary.error().message.c_str());
    return exit_code(summary.error().code);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(summary->next_offset.value));
  return 0;
}
