#pragma once
// What an S3 server keeps and answers, without time, network or faults.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/sim/object_store_server.h>

namespace spillway::sim {

StoreRequest parse_store_request(const cloud::HttpRequest& request);
cloud::HttpResponse store_error(int status, const std::string& code);
std::string http_date(Instant instant);

class ObjectStoreProtocol {
 public:
  using Objects = ObjectStoreServer::Objects;

  explicit ObjectStoreProtocol(std::size_t page_size) : page_size_(page_size) {}

  void make_bucket(const std::string& bucket) { buckets_[bucket]; }
  [[nodiscard]] const Objects* bucket(const std::string& name) const;
  void store(const std::string& bucket, const std::string& key, std::string bytes, Bytes size,
             Instant now);
  void erase(const std::string& bucket, const std::string& key);
  [[nodiscard]] std::size_t open_uploads() const { return uploads_.size(); }

  cloud::HttpResponse serve(const StoreRequest& seen, const cloud::HttpRequest& request,
                            Instant now);

 private:
  struct Upload {
    std::string bucket;
    std::string key;
    Instant started_at{};
    std::map<int, std::string> parts;
  };
  cloud::HttpResponse list(const StoreRequest& seen, const Objects& objects) const;
  cloud::HttpResponse list_uploads(const StoreRequest& seen) const;
  static cloud::HttpResponse read(const StoreRequest& seen, const cloud::HttpRequest& request,
                                  const Objects& objects);
  cloud::HttpResponse put_object(const StoreRequest& seen, const cloud::HttpRequest& request,
                                 Instant now);
  cloud::HttpResponse upload(const StoreRequest& seen, const cloud::HttpRequest& request,
                             Instant now);
  cloud::HttpResponse complete(const StoreRequest& seen, std::string_view body, Upload& upload,
                               Instant now);

  std::size_t page_size_;
  std::map<std::string, Objects> buckets_;
  std::map<std::string, Upload> uploads_;  // by id
  std::uint64_t numbered_ = 0;             // tags and ids
};

}  // namespace spillway::sim
