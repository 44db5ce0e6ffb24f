#include "node/http_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>

#include "rpc/address.h"

namespace ledger::node {
namespace {

constexpr ev_ssize_t header_bytes_max = 8 << 10;
constexpr int request_seconds_max = 10;

/// What a page may do: be itself, and ask us.
constexpr char page_policy[] =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};

void answer(evhttp_request* request, const HttpAnswer& said) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", said.type.c_str());
  evhttp_add_header(headers, "Cache-Control", "no-store");
  evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
  evhttp_add_header(headers, "Content-Security-Policy", page_policy);
  evbuffer* body = evhttp_request_get_output_buffer(request);
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    evhttp_add_header(headers, "Content-Length", std::to_string(said.body.size()).c_str());
  } else {
    evbuffer_add(body, said.body.data(), said.body.size());
  }
  evhttp_send_reply(request, said.status, nullptr, nullptr);
}

uint16_t bound_port(evhttp_bound_socket* socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(evhttp_bound_socket_get_fd(socket), reinterpret_cast<sockaddr*>(&address), &size);
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port)
                                       : ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

struct HttpServer::Engine {
  std::unique_ptr<event_base, Freed<event_base_free>> base{event_base_new()};
  std::unique_ptr<evhttp, Freed<evhttp_free>> http{evhttp_new(base.get())};
  int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::unique_ptr<event, Freed<event_free>> stop{event_new(
      base.get(), stop_fd, EV_READ,
      [](evutil_socket_t, short, void* running) {
        event_base_loopbreak(static_cast<event_base*>(running));
      },
      base.get())};

  Engine() {
    assert(base && http && stop && stop_fd >= 0);
    event_add(stop.get(), nullptr);
    evhttp_set_allowed_methods(http.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http.get(), header_bytes_max);
    evhttp_set_max_body_size(http.get(), 0);
    evhttp_set_timeout(http.get(), request_seconds_max);
  }
  ~Engine() {
    stop.reset();
    close(stop_fd);
  }
};

HttpServer::HttpServer() : engine_(std::make_unique<Engine>()) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& listen,
                                                      std::map<std::string, Handler> pages) {
  rpc::Address address = TRY(rpc::parse_address(listen));
  if (!rpc::is_loopback(address)) {
    return fail(Code::invalid_value,
                "http address " + address.text() + " is not on loopback, and there is no TLS",
                "listen on 127.0.0.1 or ::1");
  }
  event_set_log_callback([](int, const char*) {});  // It would write to our stderr.
  std::unique_ptr<HttpServer> server(new HttpServer);
  server->pages_ = std::move(pages);
  evhttp* http = server->engine_->http.get();
  evhttp_bound_socket* socket =
      evhttp_bind_socket_with_handle(http, address.host.c_str(), address.port);
  if (socket == nullptr) return tl::unexpected<Error>(rpc::why_not_bound(address, "http address"));
  address.port = bound_port(socket);
  server->address_ = address.text();
  evhttp_set_gencb(
      http,
      [](evhttp_request* request, void* self) {
        const auto& known = static_cast<HttpServer*>(self)->pages_;
        const char* path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
        const auto page = known.find(path == nullptr || *path == '\0' ? "/" : path);
        if (page == known.end()) {
          return answer(request, {.status = 404, .body = "no such page\n"});
        }
        answer(request, page->second());
      },
      server.get());
  server->thread_ =
      std::thread([engine = server->engine_.get()] { event_base_dispatch(engine->base.get()); });
  return server;
}

HttpServer::~HttpServer() {
  if (!thread_.joinable()) return;
  eventfd_write(engine_->stop_fd, 1);
  thread_.join();
}

}  // namespace ledger::node
