// How long it takes until every pod of many jobs has taken the request to save, when all their
// nodes get a notice at once: the operator's requests over real connections to an agent's server,
// both on one thread of one process, so that the figure is an upper bound of the operator's own
// share.
//
//   bench_save_requests [JOBS] [RANKS]     default: 1000 jobs of 2 ranks

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <spillway/cloud/beast_http_client.h>
#include <spillway/control/save_requests.h>

#include "http_server.h"

namespace spillway {
namespace {

std::vector<control::SaveOrder> orders(std::size_t jobs, std::size_t ranks, std::uint16_t port,
                                       Instant now) {
  std::vector<control::SaveOrder> list;
  cloud::Url url{.scheme = "http", .host = "127.0.0.1", .port = port, .path = "/v1/save"};
  for (std::size_t job = 0; job < jobs; ++job) {
    control::SaveOrder order{.job = Uid("job-" + std::to_string(job)),
                             .id = "1-1",
                             .attempt = AttemptNumber(1),
                             .deadline = now + std::chrono::minutes(2),
                             .reason = "Notice",
                             .token = Secret("token"),
                             .recorded = true};
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      order.pods.push_back({.uid = Uid(std::to_string(job) + "-" + std::to_string(rank)),
                            .save = url,
                            .status = url});
    }
    list.push_back(std::move(order));
  }
  return list;
}

int run(std::size_t jobs, std::size_t ranks) {
  asio::io_context io(1);
  const auto clock = make_system_clock();
  const auto timers = make_system_timers(io.get_executor());
  const auto random = make_random(1);
  const Runtime runtime{io.get_executor(), *clock, *timers, *random};
  TaskGroup tasks(io.get_executor(), *timers);
  const std::size_t wanted = jobs * ranks;

  std::size_t taken = 0;
  const auto server =
      agent::make_http_server(runtime,
                              [&taken](const agent::ServerRequest&) {
                                ++taken;
                                return agent::ServerAnswer{.status = 202, .body = "{}"};
                              },
                              {.connections = 4096});
  if (const auto listens = server->listen("127.0.0.1:0"); !listens) {
    std::fprintf(stderr, "%s\n", listens.error().message.c_str());
    return 1;
  }
  server->start(tasks);
  auto http =
      cloud::make_beast_http_client(runtime, {.any_origin = true, .max_idle_per_origin = 0});
  if (!http) return 1;
  control::SaveRequests requests(runtime, tasks, **http, [] {});

  const MonotonicTime begun = clock->monotonic();
  requests.want(orders(jobs, ranks, server->port(), clock->now()));
  const MonotonicTime limit = begun + std::chrono::seconds(60);
  const auto delivered = [&requests] {
    std::uint64_t count = 0;
    for (const std::uint64_t bucket : requests.metrics().delivery.counts())
      count += bucket;
    return count;
  };
  while (delivered() < wanted && clock->monotonic() < limit)
    io.run_one_for(std::chrono::milliseconds(100));
  const Duration took = clock->monotonic() - begun;
  std::printf(
      "%zu jobs of %zu ranks: %llu of %zu requests delivered in %lld ms, mean %.0f ms, "
      "%llu sent again\n",
      jobs, ranks, static_cast<unsigned long long>(delivered()), wanted,
      static_cast<long long>(took.count()),
      static_cast<double>(requests.metrics().delivery.sum().count()) /
          static_cast<double>(std::max<std::uint64_t>(delivered(), 1)),
      static_cast<unsigned long long>(requests.metrics().failed));
  requests.stop();
  (*http)->shut_down();
  server->stop();
  io.run_for(std::chrono::seconds(5));
  return delivered() == wanted ? 0 : 1;
}

}  // namespace
}  // namespace spillway

int main(int argc, char** argv) {
  const std::size_t jobs = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000;
  const std::size_t ranks = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2;
  return spillway::run(jobs, ranks);
}
