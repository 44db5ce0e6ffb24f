#include "sql/open.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

#include "base/ascii.h"
#include "sql/driver.h"

namespace ledger::sql {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view sqlite_prefix = "sqlite:";
constexpr std::string_view postgres_prefix = "postgresql://";

/// What may stand in SQL as a name, quoted or not: nothing that needs thought.
bool is_schema_name(std::string_view text) {
  const auto plain = [](char c) { return is_lower(c) || c == '_'; };
  return !text.empty() && text.size() <= 63 && plain(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || is_digit(c); }) &&
         !text.starts_with("pg_") && text != "information_schema";
}

Error missing(const Opening& opening, const std::string& why) {
  if (opening.debug) opening.debug(why);
  return {Code::driver_missing, "the PostgreSQL driver postgres.so was not found",
          "install it, or use sqlite:PATH"};
}

Result<DriverFunction> load_driver(const Opening& opening, const std::string& directory) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& place : {program, program / directory}) {
    const fs::path file = place / driver_file;
    if (!fs::exists(file, error)) continue;
    void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* function = module == nullptr ? nullptr : dlsym(module, driver_function);
    if (function == nullptr) {
      const char* why = dlerror();
      return tl::unexpected(missing(opening, why == nullptr ? "it has another border" : why));
    }
    return reinterpret_cast<DriverFunction>(function);
  }
  return tl::unexpected(missing(
      opening, "no postgres.so in " + program.string() + " and " + (program / directory).string()));
}

}  // namespace

std::string redacted(std::string text) {
  if (const size_t scheme = text.find("://"); scheme != std::string::npos) {
    const size_t user = scheme + 3;
    const size_t query = std::min(text.find('?', user), text.size());
    const size_t at = text.rfind('@', query);
    const size_t colon = text.find(':', user);
    // From the first colon to the last @: rather too much than too little of an odd password.
    if (at != std::string::npos && at >= user && colon < at) {
      text.replace(colon + 1, at - colon - 1, "***");
    }
  }
  // Of a query, or of libpq's other form.
  constexpr std::string_view key = "password=";
  for (size_t found = 0; (found = text.find(key, found)) != std::string::npos;) {
    found += key.size();
    const size_t end = std::min(text.find_first_of("& ", found), text.size());
    text.replace(found, end - found, "***");
  }
  return text;
}

Result<Opening> parse_target(const std::string& text, const std::string& schema) {
  Opening out;
  out.display = redacted(text);
  if (text.starts_with(sqlite_prefix)) {
    out.address = text.substr(sqlite_prefix.size());
    if (!out.address.empty() && !out.address.starts_with(":")) return out;
    return fail(Code::invalid_value, "'" + text + "' names no file", "sqlite:PATH");
  }
  if (!text.starts_with(postgres_prefix)) {
    return fail(Code::invalid_value, "'" + out.display + "' is no target",
                "postgresql://… or sqlite:PATH");
  }
  if (!is_schema_name(schema)) {
    return fail(Code::invalid_value, "--schema: '" + schema + "' is no plain schema name",
                "a to z, 0 to 9 and _, at most 63, not pg_");
  }
  out.address = text;
  out.schema = schema;
  out.postgres = true;
  return out;
}

Result<std::unique_ptr<Target>> open_target(const Opening& opening,
                                            const std::string& driver_directory) {
  if (!opening.postgres) return open_sqlite(opening);
  const DriverFunction connect = TRY(load_driver(opening, driver_directory));
  Error error;
  std::unique_ptr<Target> target(connect(&opening, &error));
  if (!target) return tl::unexpected(std::move(error));
  return target;
}

}  // namespace ledger::sql
