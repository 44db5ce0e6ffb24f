// Who watches a dev cluster's supervisor: a terminal, or the process that detached it.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"
#include "dev/plan.h"
#include "dev/supervisor.h"

namespace ledger::cli {

/// What is said once a cluster is ready, or, without a time, has begun; and what to try then.
void note_ready(Context& context, const dev::Place& place, const dev::Plan& plan,
                std::optional<Duration> took);

/// The foreground: the table on stdout, then logs with a prefix on stderr.
class TerminalScreen final : public dev::Screen {
 public:
  TerminalScreen(Context& context, const dev::Place& place) : context_(context), place_(place) {}

  void say(const std::string& line) override;
  void show(size_t index, const std::string& node, const std::vector<std::string>& lines) override;
  bool wants_logs() override;
  void ready(const dev::ClusterState& state, std::optional<Duration> took) override;
  void kept(const dev::Ended& ended) override;

  /// Why the table could not be printed, if it could not.
  const std::optional<Error>& failed() const { return failed_; }

 private:
  void write(size_t color, std::string_view prefix, const std::vector<std::string>& lines);

  Context& context_;
  const dev::Place& place_;
  bool ready_ = false;
  std::optional<Error> failed_;
};

/// What a detached supervisor tells the one who started it, once.
struct Verdict {
  std::optional<dev::Ended> ended;  ///< Nothing: it is ready, or has begun and nobody waits.
  std::optional<Duration> took;     ///< Until it was ready.
};

/// In the supervisor: its own words go to its stderr, which is its log.
class VerdictScreen final : public dev::Screen {
 public:
  explicit VerdictScreen(int pipe) : pipe_(pipe) {}

  void say(const std::string& line) override;
  void show(size_t, const std::string&, const std::vector<std::string>&) override {}
  bool wants_logs() override { return false; }
  void ready(const dev::ClusterState& state, std::optional<Duration> took) override;
  void kept(const dev::Ended& ended) override { failed(ended); }
  void failed(const dev::Ended& ended);

 private:
  void tell(const std::string& line);
  int pipe_;
};

/// In the starter.
class VerdictReader {
 public:
  explicit VerdictReader(int pipe) : pipe_(pipe) {}
  /// Takes what has come. False: there is a verdict, or there will be none.
  bool fill();
  std::optional<Verdict> verdict() const;

 private:
  int pipe_;
  std::string text_;
};

}  // namespace ledger::cli
