// Standard error: errors, warnings, notes and progress, for people or as JSON Lines.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "cli/failure.h"

namespace ledger::cli {

/// Threads: any; progress from one.
class Report {
 public:
  struct Style {
    bool json = false;
    bool quiet = false;  ///< Errors only.
    int verbose = 0;     ///< 1 says the steps, 2 adds the text of libraries.
    bool color = false;
  };

  explicit Report(Style style) : style_(style) {}
  /// Once it is settled, before there is a second thread.
  void set_style(Style style) { style_ = style; }

  /// At most three lines, the last one says what to do.
  void error(const Failure& failure);
  void note(std::string_view message) { say("note", message); }
  void warning(std::string_view message) { say("warning", message); }
  /// Shown from `-v` on, or with `level` 2 from `-vv` on.
  void debug(std::string_view message, int level = 1);

  /// Text as it is: the help that a bare command gets.
  void prose(std::string_view text) { write(std::string(text)); }

  bool verbose(int level) const { return style_.verbose >= level; }
  bool quiet() const { return style_.quiet; }

  /// How far a job is: a bar on a terminal, else one line each 10 s.
  struct Progress {
    std::string_view job;        ///< `replay`
    std::string_view name = {};  ///< `default`: what is shown after the job.
    uint64_t done = 0;
    uint64_t total = 0;  ///< 0: not known.
  };
  /// Call as often as you like, with what `done` was when the job began.
  void progress(const Progress& progress, uint64_t began_at);
  /// Takes the bar away.
  void end_progress();

 private:
  void say(std::string_view level, std::string_view message);
  void write(std::string text, bool is_bar = false);

  Style style_;
  std::mutex mutex_;
  bool bar_ = false;  ///< A bar stands on the last line.
  std::chrono::steady_clock::time_point job_began_ = {};
  std::chrono::steady_clock::time_point last_progress_ = {};
};

}  // namespace ledger::cli
