// Reads a queue of notices as the operator does until as many messages were acknowledged as were
// asked for, and prints what was heard: `queue_probe QUEUE_URL REGION COUNT`.
#include <cstdlib>
#include <iostream>

#include <nlohmann/json.hpp>

#include <spillway/control/event_queue.h>

namespace spillway::control {
namespace {

std::string kind_of(const InstanceWord& word) {
  if (word.gone) return "gone";
  switch (word.mark.kind) {
    case NoticeKind::kRebalance: return "rebalance";
    case NoticeKind::kMaintenance: return "maintenance";
    default: return "interruption";
  }
}

int run(const std::string& url, const std::string& region, std::size_t count) {
  asio::io_context io{1};
  const auto clock = make_system_clock();
  const auto timers = make_system_timers(io.get_executor());
  const auto random = make_entropy_random();
  const Runtime runtime{io.get_executor(), *clock, *timers, *random};
  cloud::SqsQueue queue{.url = cloud::parse_url(url).value(), .region = Region(region)};
  queue.wait = std::chrono::seconds(2);
  const auto http = cloud::make_http_client(runtime, {.allowed_origins = {queue.url.origin()}});
  const auto credentials =
      cloud::make_environment_credentials([](const char* name) { return std::getenv(name); });
  cloud::SqsClient client(runtime, *http, *credentials, queue);
  nlohmann::json heard = nlohmann::json::array();
  EventQueue* events = nullptr;
  EventQueue reader(runtime, client,
                    {.leading =
                         [&] {
                           if (events != nullptr && events->counts().messages >= count &&
                               events->unacknowledged() == 0) {
                             events->stop();
                           }
                           return true;
                         },
                     .hear =
                         [&](InstanceWord word) {
                           heard.push_back({{"instance", word.instance}, {"kind", kind_of(word)}});
                         },
                     .acted_on = [](const std::string&) { return true; }});
  events = &reader;
  TaskGroup group(io.get_executor(), *timers);
  group.spawn(reader.run());
  io.run();
  std::cout << heard.dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace spillway::control

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: queue_probe QUEUE_URL REGION COUNT\n";
    return 2;
  }
  return spillway::control::run(argv[1], argv[2], std::stoul(argv[3]));
}
