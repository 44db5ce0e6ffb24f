#include "node/http_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>
#include <filesystem>

#include "rpc/address.h"

namespace ledger::node {
namespace {

constexpr ev_ssize_t header_bytes_max = 8 << 10;
constexpr int silent_seconds_max = 10;
/// How often it is looked whether there is room again.
constexpr timeval room_again = {.tv_sec = 0, .tv_usec = 50'000};

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

/// The port at our end of a socket; 0 of anything else.
uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return 0;
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port)
                                       : ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

/// The connections of this process at a port of its own. libevent says of none that it has ended.
int connections_at(uint16_t port) {
  int count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (local_port(fd) != port) continue;
    count += getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 ? 1 : 0;
  }
  return count;
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
  std::unique_ptr<event, Freed<event_free>> room{event_new(
      base.get(), -1, 0,
      [](evutil_socket_t, short, void* self) { static_cast<Engine*>(self)->look_for_room(); },
      this)};
  evconnlistener* listener = nullptr;
  uint16_t port = 0;
  int connections = 0;  ///< At most so many: those that end are not taken off.

  /// Takes more, or none until there is room again.
  void look_for_room() {
    connections = connections_at(port);
    if (connections < connections_max) {
      evconnlistener_enable(listener);
    } else {
      evconnlistener_disable(listener);
      event_add(room.get(), &room_again);
    }
  }

  Engine() {
    assert(base && http && stop && room && stop_fd >= 0);
    event_add(stop.get(), nullptr);
    // Called for each connection that is taken.
    evhttp_set_bevcb(
        http.get(),
        [](event_base* on, void* self) {
          auto* engine = static_cast<Engine*>(self);
          if (++engine->connections >= connections_max) engine->look_for_room();
          return bufferevent_socket_new(on, -1, 0);
        },
        this);
    evhttp_set_allowed_methods(http.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http.get(), header_bytes_max);
    evhttp_set_max_body_size(http.get(), 0);
    evhttp_set_timeout(http.get(), silent_seconds_max);
  }
  ~Engine() {
    room.reset();
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
  address.port = local_port(evhttp_bound_socket_get_fd(socket));
  server->engine_->listener = evhttp_bound_socket_get_listener(socket);
  server->engine_->port = address.port;
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
