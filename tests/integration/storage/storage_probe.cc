// What Spillway's own client does with a store, as JSON: `storage_probe COMMAND ARGUMENT...`, the
// store named by PROBE_ENDPOINT, PROBE_BUCKET and PROBE_PATH_STYLE, the keys by AWS_*.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include <spillway/cloud/beast_http_client.h>
#include <spillway/storage/checkpoint_search.h>
#include <spillway/storage/s3.h>
#include <spillway/storage/transfer.h>

#include "local_checkpoints.h"

namespace spillway::storage {
namespace {

using nlohmann::json;
using Arguments = std::vector<std::string>;

json failed(const Error& error) {
  return {{"error", to_string(error.code)}, {"message", error.message}};
}

json listing_json(const Listing& listing) {
  json out{{"objects", json::object()}, {"folders", json::array()}};
  for (const ObjectInfo& object : listing.objects)
    out["objects"][object.key.str()] = object.size.value();
  for (const Key& folder : listing.folders)
    out["folders"].push_back(folder.str());
  return out;
}

class Probe {
 public:
  Probe(Runtime runtime, ObjectStore& store) : runtime_(std::move(runtime)), store_(store) {}

  Task<json> run(Arguments arguments) {
    const std::string command = arguments.at(0);
    if (command == "put") co_return co_await put(arguments.at(1), arguments.at(2), false);
    if (command == "put-if-absent") co_return co_await put(arguments.at(1), arguments.at(2), true);
    if (command == "get") co_return co_await get(arguments.at(1));
    if (command == "range") {
      co_return co_await range(arguments.at(1), std::stoull(arguments.at(2)),
                               std::stoull(arguments.at(3)));
    }
    if (command == "head") co_return co_await head(arguments.at(1));
    if (command == "list") co_return co_await list(arguments.at(1), arguments.at(2));
    if (command == "remove") co_return co_await remove(arguments.at(1));
    if (command == "send") co_return co_await send(arguments.at(1), arguments.at(2));
    if (command == "round-trip") {
      co_return co_await round_trip(arguments.at(1), arguments.at(2), arguments.at(3));
    }
    if (command == "abandon") co_return co_await abandon(arguments.at(1));
    if (command == "newest") co_return co_await newest(arguments.at(1), arguments.at(2));
    if (command == "look") co_return look(arguments.at(1), arguments.at(2));
    co_return json{{"error", "unknown command"}};
  }

 private:
  Task<json> put(std::string key, std::string text, bool if_absent) {
    const auto condition = if_absent ? WriteCondition::kIfAbsent : WriteCondition::kNone;
    const auto tag = co_await store_.put(Key(key), std::move(text), condition);
    if (!tag) co_return failed(tag.error());
    co_return json{{"tag", tag->str()}};
  }
  Task<json> get(std::string key) {
    const auto data = co_await store_.get(Key(key), std::nullopt, std::size_t{1} << 20);
    if (!data) co_return failed(data.error());
    co_return json{{"text", data->bytes}};
  }
  Task<json> range(std::string key, std::uint64_t first, std::uint64_t length) {
    const auto data = co_await store_.get(Key(key), ByteRange{first, length}, length);
    if (!data) co_return failed(data.error());
    co_return json{{"text", data->bytes}, {"size", data->object_size.value()}};
  }
  Task<json> head(std::string key) {
    const auto info = co_await store_.head(Key(key));
    if (!info) co_return failed(info.error());
    co_return json{{"size", info->size.value()},
                   {"tag", info->tag.str()},
                   {"modifiedAt", format_instant(info->modified_at)}};
  }
  Task<json> list(std::string prefix, std::string delimiter) {
    ListRequest request{.prefix = Key(prefix), .delimiter = std::move(delimiter)};
    const auto listing = co_await store_.list(std::move(request));
    if (!listing) co_return failed(listing.error());
    co_return listing_json(*listing);
  }
  Task<json> remove(std::string key) {
    const auto done = co_await store_.remove(Key(key));
    if (!done) co_return failed(done.error());
    co_return json::object();
  }
  static std::vector<FileToSend> files_of(const std::string& directory) {
    std::vector<FileToSend> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      files.push_back({.path = entry.path().string(),
                       .key = Key(entry.path().string().substr(directory.size() + 1))});
    }
    return files;
  }
  Task<json> send(std::string directory, std::string folder) {
    const auto parts = co_await upload_files(runtime_, store_, Key(folder), files_of(directory));
    if (!parts) co_return failed(parts.error());
    json out = json::object();
    for (const ManifestPart& part : *parts)
      out[part.key.str()] = {{"size", part.size.value()}, {"chunks", part.chunks.size()}};
    co_return out;
  }
  Task<json> round_trip(std::string directory, std::string folder, std::string target) {
    auto parts = co_await upload_files(runtime_, store_, Key(folder), files_of(directory));
    if (!parts) co_return failed(parts.error());
    const auto done =
        co_await download_files(runtime_, store_, Key(folder), *std::move(parts), target);
    if (!done) co_return failed(done.error());
    co_return json{{"peakKiB", peak_memory()}};
  }
  Task<json> abandon(std::string key) {
    const auto id = co_await store_.begin_upload(Key(key));
    if (!id) co_return failed(id.error());
    const auto before = co_await store_.open_uploads(Key(key));
    if (!before) co_return failed(before.error());
    const auto aborted = co_await store_.abort_upload(Key(key), *id);
    if (!aborted) co_return failed(aborted.error());
    const auto after = co_await store_.open_uploads(Key(key));
    if (!after) co_return failed(after.error());
    co_return json{{"before", before->size()}, {"after", after->size()}};
  }
  // What the agent sees of a directory: the steps that are finished there.
  static json look(const std::string& directory, const std::string& format_name) {
    const auto format = parse_checkpoint_format(format_name);
    if (!format) return failed(format.error());
    const auto sight = agent::look_at_directory(directory, *format);
    if (!sight) return failed(sight.error());
    json steps = json::array();
    for (const agent::LocalCheckpoint& checkpoint : sight->finished)
      steps.push_back(checkpoint.step.value());
    return {{"finished", std::move(steps)}, {"unfinished", sight->unfinished}};
  }
  Task<json> newest(std::string prefix, std::string format_name) {
    const auto format = parse_checkpoint_format(format_name);
    if (!format) co_return failed(format.error());
    const auto found =
        co_await find_newest_valid(runtime_, store_, Key(prefix), *format, Expectation{});
    if (!found) co_return failed(found.error());
    json out{{"passedOver", json::array()}, {"uncertain", found->uncertain()}};
    if (found->newest) {
      out["step"] = found->newest->judgement.step.value();
      out["attempt"] = found->newest->judgement.attempt.value();
      out["bytes"] = found->newest->judgement.bytes.value();
    }
    for (const FoundCheckpoint& other : found->passed_over)
      out["passedOver"].push_back(other.judgement.reason);
    co_return out;
  }
  // VmHWM of this process.
  static std::int64_t peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
    }
    return 0;
  }

  Runtime runtime_;
  ObjectStore& store_;
};

Result<S3Config> config_of_environment() {
  TRY(endpoint, cloud::parse_url(std::getenv("PROBE_ENDPOINT")));
  const char* path_style = std::getenv("PROBE_PATH_STYLE");
  S3Config config{
      .bucket = BucketName(std::getenv("PROBE_BUCKET")),
      .endpoint = std::move(endpoint),
      .addressing = path_style != nullptr ? Addressing::kPath : Addressing::kVirtualHost};
  TRY_VOID(check(config));
  return config;
}

std::string ca_bundle() {
  const char* path = std::getenv("PROBE_CA");
  if (path == nullptr) return {};
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

int run(const Arguments& arguments) {
  asio::io_context io{1};
  const auto clock = make_system_clock();
  const auto timers = make_system_timers(io.get_executor());
  const auto random = make_entropy_random();
  const Runtime runtime{io.get_executor(), *clock, *timers, *random};
  const auto config = config_of_environment();
  if (!config) {
    std::cerr << config.error().message << "\n";
    return 2;
  }
  auto http = cloud::make_beast_http_client(
      runtime, {.allowed_origins = {config->origin()}, .ca_bundle = ca_bundle()});
  if (!http) {
    std::cerr << http.error().message << "\n";
    return 2;
  }
  const auto credentials =
      cloud::make_environment_credentials([](const char* name) { return std::getenv(name); });
  const auto store = make_s3_store(runtime, **http, *credentials, *config);
  Probe probe(runtime, *store);
  json answer;
  asio::co_spawn(io, probe.run(arguments), [&](const std::exception_ptr& thrown, json result) {
    if (thrown) std::rethrow_exception(thrown);
    answer = std::move(result);
    (*http)->shut_down();
  });
  io.run();
  std::cout << answer.dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace spillway::storage

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: storage_probe COMMAND ARGUMENT...\n";
    return 2;
  }
  return spillway::storage::run({argv + 1, argv + argc});
}
