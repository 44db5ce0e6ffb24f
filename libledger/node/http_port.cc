#include "node/http_port.h"

#include <future>

#include "status_page.h"

namespace ledger::node {
namespace {

constexpr Duration look_period = std::chrono::seconds(1);
/// A loop that does not answer for so long is looked at again later.
constexpr Duration look_patience = std::chrono::seconds(1);
/// For so long after the last question for it the page is taken to be open.
constexpr Duration view_period = std::chrono::seconds(10);

}  // namespace

Result<std::unique_ptr<HttpPort>> HttpPort::start(const std::string& listen, io::Clock& clock,
                                                  const std::string& why_not) {
  std::unique_ptr<HttpPort> port(new HttpPort(clock));
  port->why_not_ = why_not;
  HttpPort* self = port.get();
  port->server_ =
      TRY(HttpServer::start(listen, {{"/",
                                      [] {
                                        return HttpAnswer{.type = "text/html; charset=utf-8",
                                                          .body = std::string(status_page)};
                                      }},
                                     {"/healthz", [] { return HttpAnswer{.body = "ok\n"}; }},
                                     {"/readyz", [self] { return self->readiness(); }},
                                     {"/metrics", [self] { return self->metrics(); }},
                                     {"/status.json", [self] { return self->status_json(); }}}));
  return port;
}

HttpPort::~HttpPort() {
  stop();
}

void HttpPort::attach(Sources sources) {
  sources_ = std::move(sources);
  {
    const std::lock_guard lock(mutex_);
    why_not_.reset();
  }
  thread_ = std::thread([this] { look_on(); });
}

void HttpPort::set_ready(bool ready) {
  const std::lock_guard lock(mutex_);
  ready_ = ready && !stops_;
}

void HttpPort::set_why_not(const std::string& why) {
  const std::lock_guard lock(mutex_);
  why_not_ = why;
}

void HttpPort::stop() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    ready_ = false;
    why_not_ = "stopping";
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// ---- The looking thread. ----

void HttpPort::look_on() {
  for (;;) {
    look();
    look_around();
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, look_period, [this] { return stops_; })) return;
  }
}

void HttpPort::look() {
  const auto answer = std::make_shared<std::promise<rpc::Answer<Metrics>>>();
  std::future<rpc::Answer<Metrics>> answered = answer->get_future();
  sources_.ask([answer](rpc::Answer<Metrics> metrics) { answer->set_value(std::move(metrics)); });
  if (answered.wait_for(look_patience) != std::future_status::ready) return;
  rpc::Answer<Metrics> metrics = answered.get();
  if (!metrics) return;
  if (sources_.complete) sources_.complete(*metrics);
  if (sources_.looked) sources_.looked(metrics->status);
  const std::lock_guard lock(mutex_);
  seen_.add(*std::move(metrics), clock_.now(), clock_.wall());
}

/// Asks the other members too, while somebody wants to know.
void HttpPort::look_around() {
  std::vector<std::pair<MemberId, std::string>> others;
  {
    const std::lock_guard lock(mutex_);
    if (stops_ || !viewed_ || clock_.now() - *viewed_ > view_period) return;
    others = seen_.others();
  }
  std::vector<std::string> addresses;
  for (const auto& [member, address] : others) addresses.push_back(address);
  if (addresses.empty()) return;
  std::vector<Result<rpc::NodeStatus>> answers = sources_.others(addresses);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < answers.size(); ++i) {
    seen_.hear(others[i].first, std::move(answers[i]));
  }
}

// ---- The server's thread. ----

HttpAnswer HttpPort::metrics() {
  std::optional<Metrics> latest;
  {
    const std::lock_guard lock(mutex_);
    latest = seen_.latest();
  }
  if (!latest) return {.status = 503, .body = "nothing is measured yet\n"};
  return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = prometheus_text(*latest)};
}

HttpAnswer HttpPort::readiness() {
  const std::lock_guard lock(mutex_);
  if (ready_) return {.body = "ready\n"};
  return {.status = 503, .body = (why_not_ ? *why_not_ : seen_.why_not_ready()) + "\n"};
}

HttpAnswer HttpPort::status_json() {
  const std::lock_guard lock(mutex_);
  viewed_ = clock_.now();
  return {.type = "application/json", .body = seen_.json(why_not_)};
}

}  // namespace ledger::node
