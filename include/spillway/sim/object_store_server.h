#pragma once
// An S3 server on virtual time: it answers the very requests that `storage` sends, through the
// cloud's HTTP seam, strictly consistent as AWS is, and fails as it is told. Requests that Spillway
// does not send are answered with 501. Signatures are verified, the clock included.
//
// One thread. What is referred to outlives the server, and the server its clients.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/cloud/http.h>
#include <spillway/cloud/url.h>
#include <spillway/core/ids.h>
#include <spillway/sim/virtual_time.h>

namespace spillway::sim {

struct StoredObject {
  std::string bytes;
  Bytes size;  // may be more than `bytes`: the rest reads as zeros, so that a model's terabytes
               // cost nothing
  std::string tag;
  Instant modified_at{};
};

struct StoreRequest {
  std::string method;
  std::string bucket;
  std::string key;  // decoded; "" for the bucket itself
  std::map<std::string, std::string> query;
  std::uint64_t number = 0;  // of all requests to the server, from 1
  std::uint64_t write = 0;   // of PUT, POST and DELETE, from 1; 0 for others
};

// What becomes of a request.
enum class StoreFate {
  kServed,
  kUnreachable,  // no connection: nothing happened
  kLost,         // sent, never carried out, never answered
  kAnswerLost,   // carried out, never answered
  kForbidden,    // 403 AccessDenied
  kSlowDown,     // 503 SlowDown
  kInternal,     // 500 InternalError, not carried out
};
struct StoreAnswer {
  StoreFate fate = StoreFate::kServed;
  Duration delay{};  // beyond the usual
};

struct ObjectStoreServerOptions {
  std::string access_key_id = "SIMULATED";
  Secret secret_access_key{"simulated"};
  Duration latency = std::chrono::milliseconds(20);
  Bytes bytes_per_second = Bytes(std::int64_t{1'000'000'000});  // of each request
  std::size_t page_size = 1000;                                 // of a listing
};

class ObjectStoreServer {
 public:
  explicit ObjectStoreServer(VirtualTime& time, ObjectStoreServerOptions options = {});
  ~ObjectStoreServer();
  ObjectStoreServer(const ObjectStoreServer&) = delete;
  ObjectStoreServer& operator=(const ObjectStoreServer&) = delete;

  // "http://store.simulated:80": the endpoint, with path addressing.
  static cloud::Url endpoint();
  // The way to it for one process. shut_down() cuts it off: what it had sent still arrives.
  std::unique_ptr<cloud::HttpClient> connect();

  void make_bucket(const std::string& bucket);
  using Faults = std::function<StoreAnswer(const StoreRequest&)>;
  void set_faults(Faults faults);

  // Its clock is so far ahead of the world's (behind it, when negative): what it says of times, and
  // what it holds signatures against.
  void set_clock_offset(Duration ahead);
  // Keys that it takes beside that of its options: nullptr for one that it does not know (any
  // more).
  using Keys = std::function<const Secret*(std::string_view access_key_id)>;
  void set_keys(Keys keys);

  // Past the protocol, for models and for what a test looks at.
  using Objects = std::map<std::string, StoredObject>;  // by key
  [[nodiscard]] const Objects& objects(const std::string& bucket) const;
  void put(const std::string& bucket, const std::string& key, std::string bytes);
  void put_sized(const std::string& bucket, const std::string& key, Bytes size);
  void erase(const std::string& bucket, const std::string& key);
  [[nodiscard]] std::size_t open_uploads() const;
  [[nodiscard]] std::uint64_t requests() const;

 private:
  struct State;
  class Client;
  std::shared_ptr<State> state_;
};

}  // namespace spillway::sim
