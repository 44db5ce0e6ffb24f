// The one file that includes toml++.
#include "cli/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>

#include "cli/files.h"
#include "cli/text.h"

namespace ledger::cli {
namespace {

enum class Type : uint8_t { text, size, texts, number, boolean, table };

struct Key {
  std::string_view name;
  Type type;
};

/// All of them; those of a table by a dotted name.
constexpr auto keys = std::to_array<Key>({
    {"endpoint", Type::texts},
    {"timeout", Type::text},
    {"output", Type::text},
    {"color", Type::text},
    {"dev", Type::text},
    {"tls.ca", Type::text},
    {"tls.cert", Type::text},
    {"tls.key", Type::text},
    {"tls.server_name", Type::text},
    {"node.name", Type::text},
    {"node.data_dir", Type::text},
    {"node.listen", Type::text},
    {"node.gossip", Type::text},
    {"node.http", Type::text},
    {"node.advertise", Type::text},
    {"node.join", Type::texts},
    {"node.peers", Type::table},
    {"node.bootstrap_expect", Type::number},
    {"node.segment_bytes", Type::size},
    {"node.gossip_key", Type::text},
    {"node.log_level", Type::text},
    {"node.log_format", Type::text},
    {"node.reflection", Type::boolean},
    {"node.stop_timeout", Type::text},
    {"node.enable_fault_injection", Type::boolean},
});

std::string place(const std::string& path, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", path, source.begin.line, source.begin.column);
}

auto invalid(const std::string& where, std::string message, std::string hint) {
  return fail(Code::config_invalid, fmt::format("{}: {}", where, message), std::move(hint));
}

Result<void> refuse_unknown(const std::string& where, std::string_view name) {
  std::vector<std::string> names;
  for (const Key& key : keys) names.emplace_back(key.name);
  names.emplace_back("tls");
  names.emplace_back("node");
  const std::optional<std::string> near = nearest(name, names);
  return invalid(where, fmt::format("unknown key '{}'", escaped(name, Escape::line)),
                 near ? fmt::format("did you mean '{}'?", *near) : "see ledgerctl.toml(5)");
}

/// The value as text, where its type is the key's.
std::optional<std::vector<std::string>> texts(const toml::node& node, Type type) {
  switch (type) {
    case Type::size:  // A plain number is bytes.
      if (const auto* number = node.as_integer()) return {{std::to_string(number->get())}};
      [[fallthrough]];
    case Type::text:
      if (const auto* text = node.as_string()) return {{text->get()}};
      return std::nullopt;
    case Type::number:
      if (const auto* number = node.as_integer()) return {{std::to_string(number->get())}};
      return std::nullopt;
    case Type::boolean:
      if (const auto* flag = node.as_boolean()) return {{flag->get() ? "true" : "false"}};
      return std::nullopt;
    case Type::table: {
      const toml::table* table = node.as_table();
      if (!table) return std::nullopt;
      std::vector<std::string> all;
      for (const auto& [key, element] : *table) {
        const auto* text = element.as_string();
        if (!text) return std::nullopt;
        all.push_back(fmt::format("{}={}", key.str(), text->get()));
      }
      return all;
    }
    case Type::texts: {
      if (const auto* text = node.as_string()) return {{text->get()}};
      const toml::array* array = node.as_array();
      if (!array) return std::nullopt;
      std::vector<std::string> all;
      for (const toml::node& element : *array) {
        const auto* text = element.as_string();
        if (!text) return std::nullopt;
        all.push_back(text->get());
      }
      return all;
    }
  }
  return std::nullopt;
}

std::string_view wanted(Type type) {
  switch (type) {
    case Type::text:
    case Type::size:
      return "a string";
    case Type::texts:
      return "a list of strings";
    case Type::number:
      return "a number";
    case Type::boolean:
      return "true or false";
    case Type::table:
      return "a table of strings";
  }
  return "something else";
}

using Values = std::map<std::string, Config::Value, std::less<>>;

Result<void> take(Values& values, const std::string& path, const toml::table& table,
                  const std::string& prefix) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const std::string where = place(path, key.source());
    if (name == "tls" || name == "node") {
      if (!node.is_table())
        return invalid(where, fmt::format("'{}' is no table", name),
                       fmt::format("write [{}]", name));
      TRY(take(values, path, *node.as_table(), name + "."));
      continue;
    }
    const auto known = std::ranges::find(keys, std::string_view(name), &Key::name);
    if (known == keys.end()) {
      TRY(refuse_unknown(where, name));
      continue;
    }
    std::optional<std::vector<std::string>> value = texts(node, known->type);
    if (!value) {
      return invalid(where, fmt::format("'{}' is not {}", name, wanted(known->type)),
                     "see ledgerctl.toml(5)");
    }
    values[name] = {std::move(*value), where};
  }
  return {};
}

}  // namespace

const Config::Value* Config::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

Checked<Config> read_config(const std::string& path) {
  const std::string text = TRY(read_small_file(path));
  Config config;
  config.path_ = path;
  try {
    TRY(take(config.values_, path, toml::parse(text, path), ""));
  } catch (const toml::parse_error& error) {
    Failure failure =
        Error{Code::config_invalid, fmt::format("{}: not TOML", place(path, error.source())),
              "write TOML 1.0; -vv says more"};
    failure.detail = error.description();
    return tl::unexpected(std::move(failure));
  }
  return config;
}

}  // namespace ledger::cli
