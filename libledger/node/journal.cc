#include "node/journal.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace ledger::node {
namespace {

/// The message as a JSON string, quotes included.
class JsonMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text(message.payload.data(), message.payload.size());
    const std::string quoted =
        nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

/// The priority of syslog(3) that systemd's journal reads: `<6>`.
class Priority : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view text = message.level >= spdlog::level::err    ? "<3>"
                                  : message.level == spdlog::level::warn ? "<4>"
                                  : message.level == spdlog::level::info ? "<6>"
                                                                         : "<7>";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Priority>();
  }
};

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

std::string_view name(Level level) {
  constexpr std::array<std::string_view, 4> names = {"debug", "info", "warn", "error"};
  return names[static_cast<size_t>(level)];
}

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

Journal::Journal(Level least, std::optional<LogFormat> format)
    : logger_(std::make_unique<spdlog::logger>("ledgerctl",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  const bool journal = stderr_is_journal();
  if (!format) {
    format = journal || isatty(STDERR_FILENO) == 1 ? LogFormat::text : LogFormat::json;
  }
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('J').add_flag<Priority>('P');
  formatter->set_pattern(*format == LogFormat::json
                             ? R"({"at":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":%J})"
                         : journal ? "%P%v"
                                   : "%Y-%m-%dT%H:%M:%S.%eZ %l %v");
  logger_->set_formatter(std::move(formatter));
  logger_->set_level(spdlog_level(least));
  logger_->flush_on(spdlog::level::trace);
}

Journal::~Journal() = default;

bool Journal::set_level(Level least) {
  if (logger_->level() == spdlog_level(least)) return false;
  logger_->set_level(spdlog_level(least));
  return true;
}

void Journal::say(Level level, std::string_view text) {
  logger_->log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace ledger::node
