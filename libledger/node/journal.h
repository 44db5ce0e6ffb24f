// What a node says about itself while it runs: one event a line, on stderr.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace ledger::node {

enum class Level { debug, info, warning, error };
/// As a configuration calls it: `warn`.
std::string_view name(Level level);
enum class LogFormat { text, json };

/// Lines of text, or JSON objects `{"at":…,"level":…,"message":…}`. Threads: any.
///
/// Text has a priority like `<6>` and no time where stderr is systemd's journal, which adds its
/// own, else the time in UTC.
class Journal {
 public:
  /// Without a format: text for a terminal or the journal, else JSON.
  Journal(Level least, std::optional<LogFormat> format);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// What is less is left out from now on. False: it was so before.
  bool set_level(Level least);

  void say(Level level, std::string_view text);
  void debug(std::string_view text) { say(Level::debug, text); }
  void info(std::string_view text) { say(Level::info, text); }
  void warning(std::string_view text) { say(Level::warning, text); }
  void error(std::string_view text) { say(Level::error, text); }

 private:
  std::unique_ptr<spdlog::logger> logger_;
};

/// True where JOURNAL_STREAM names the device and inode of stderr.
bool stderr_is_journal();

}  // namespace ledger::node
