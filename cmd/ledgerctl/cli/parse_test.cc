#include <doctest/doctest.h>

#include "cli/args.h"

namespace ledger::cli {
namespace {

using Words = std::vector<std::string>;

const Command& sample() {
  static const Command command = {
      .path = "log read",
      .summary = "Read",
      .synopsis = "[VALUE…]",
      .examples = {},
      .flags = {{"--from", "POS", ""},
                {"-n", "N"},
                {"--type", "T", "", 0, true},
                {"-0"},
                {"--follow", "", "", 'f'}},
      .arguments = {"a VALUE", 0, 3},
  };
  return command;
}

std::string message(const Words& words) {
  const Result<Args> got = parse(sample(), words);
  return got ? "" : got.error().message;
}

TEST_CASE("flags take values in every usual form, and the last one counts") {
  const Args args = parse(sample(), {"--from=3", "--from", "-10", "-n5", "-0fn", "7", "-vv",
                                     "--type", "a,b", "--type=c"})
                        .value();
  CHECK(args.value("--from") == "-10");
  CHECK(args.value("-n") == "7");
  CHECK(args.values("--type") == Words{"a", "b", "c"});
  CHECK(args.has("-0"));
  CHECK(args.has("--follow"));
  CHECK(args.count("--verbose") == 2);
  CHECK_FALSE(args.has("--quiet"));
  CHECK(args.arguments().empty());
}

TEST_CASE("an empty value is a value") {
  const Args args = parse(sample(), {"", "--from=", "-n", ""}).value();
  CHECK(args.value("--from") == "");
  CHECK(args.value("-n") == "");
  CHECK(args.arguments() == Words{""});
}

TEST_CASE("an argument may be any word, and after -- even a flag") {
  CHECK(parse(sample(), {"health", "-", "[a,b]"}).value().arguments() ==
        Words{"health", "-", "[a,b]"});
  CHECK(parse(sample(), {"-f", "--", "--from", "-x", "--"}).value().arguments() ==
        Words{"--from", "-x", "--"});
  // A value after a flag that needs one is never taken for a flag.
  CHECK(parse(sample(), {"--from", "--", "x"}).value().value("--from") == "--");
  CHECK(parse(sample(), {"--from", "--follow"}).value().value("--from") == "--follow");
}

TEST_CASE("wrong words are named") {
  CHECK(message({"--form", "3"}) == "unknown flag '--form' for 'log read'");
  CHECK(parse(sample(), {"--form", "3"}).error().hint == "did you mean --from?");
  CHECK(message({"-x"}) == "unknown flag '-x' for 'log read'");
  CHECK(message({"-5"}) == "unknown flag '-5' for 'log read'");
  CHECK(message({"--from"}) == "--from needs a value");
  CHECK(message({"-n"}) == "-n needs a value");
  CHECK(message({"--follow=yes"}) == "--follow takes no value");
  CHECK(message({"a", "b", "c", "d"}) == "unexpected argument 'd' for 'log read'");
  CHECK(parse(sample(), {"--tls-ca", "x"}).error().code == Code::not_built);
}

TEST_CASE("help and version win over everything else on the line") {
  using Kind = Request::Kind;
  CHECK(find_request({"version", "--bogus", "-qh"}).value().kind == Kind::help);
  CHECK(find_request({"--bogus", "--help"}).value().kind == Kind::help);
  CHECK(find_request({"lgo", "--version"}).value().kind == Kind::version);
  CHECK(find_request({"version", "-o", "--help"}).value().kind == Kind::command);
  CHECK(find_request({"version", "--", "--help"}).value().kind == Kind::command);
  CHECK(find_request({}).value().kind == Kind::bare);
}

TEST_CASE("global flags stand before or after the verb") {
  const Request request = find_request({"-o", "json", "version", "-q"}).value();
  REQUIRE(request.command);
  CHECK(request.command->path == "version");
  CHECK(request.words == Words{"-o", "json", "-q"});
}

TEST_CASE("a command that is not there is told from one that is not built") {
  CHECK(find_request({"hlep"}).error().code == Code::unknown_command);
  CHECK(find_request({"hlep"}).error().hint == "did you mean 'help'?");
  CHECK(find_request({"backup", "create", "x"}).error().message ==
        "'backup create' is not in this version");
  CHECK(find_request({"--tls-ca", "test", "version"}).error().code == Code::not_built);
}

}  // namespace
}  // namespace ledger::cli
