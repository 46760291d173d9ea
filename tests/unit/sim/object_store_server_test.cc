// The S3 model, spoken to by the client that speaks to real stores.
#include <spillway/sim/object_store_server.h>

#include <gtest/gtest.h>

#include <spillway/cloud/credentials.h>
#include <spillway/cloud/sigv4.h>
#include <spillway/storage/s3.h>

namespace spillway::sim {
namespace {

using storage::Key;
using storage::WriteCondition;

class ObjectStoreServerTest : public ::testing::Test {
 protected:
  ObjectStoreServerTest() { server_.make_bucket("models"); }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    asio::co_spawn(io_, std::move(task), [&](const std::exception_ptr& thrown, T result) {
      EXPECT_FALSE(thrown);
      out = std::move(result);
    });
    EXPECT_TRUE(time_.run_while_not([&] { return out.has_value(); }, std::chrono::hours(1)));
    return std::move(*out);
  }
  std::unique_ptr<storage::ObjectStore> make_store(std::string secret = "simulated") {
    credentials_ = cloud::make_static_credentials(
        {.access_key_id = "SIMULATED", .secret_access_key = Secret(std::move(secret))});
    return storage::make_s3_store(runtime_, *http_, *credentials_,
                                  {.bucket = storage::BucketName("models"),
                                   .endpoint = ObjectStoreServer::endpoint(),
                                   .addressing = storage::Addressing::kPath});
  }
  // The first `times` requests that match go wrong.
  void break_requests(StoreFate fate, int times, std::string method = {}) {
    server_.set_faults([=, left = times](const StoreRequest& request) mutable {
      const bool hit = (method.empty() || request.method == method) && left > 0;
      if (hit) --left;
      return StoreAnswer{.fate = hit ? fate : StoreFate::kServed};
    });
  }

  asio::io_context io_;
  VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(5);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  ObjectStoreServer server_{time_, {.page_size = 3}};
  std::unique_ptr<cloud::HttpClient> http_ = server_.connect();
  std::unique_ptr<cloud::CredentialsProvider> credentials_;
  std::unique_ptr<storage::ObjectStore> store_ = make_store();
};

TEST_F(ObjectStoreServerTest, keeps_what_was_put) {
  ASSERT_TRUE(run(store_->put(Key("a b/c+d"), "hello world", WriteCondition::kNone)));
  const auto data = run(store_->get(Key("a b/c+d"), storage::ByteRange{6, 100}, 100));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->bytes, "world");
  EXPECT_EQ(data->object_size, Bytes(11));
  const auto info = run(store_->head(Key("a b/c+d")));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, Bytes(11));
  EXPECT_EQ(run(store_->head(Key("absent"))).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(run(store_->remove(Key("a b/c+d"))));
  EXPECT_TRUE(server_.objects("models").empty());
}

TEST_F(ObjectStoreServerTest, lists_over_pages_and_folds_folders) {
  for (const char* key : {"p/a", "p/b/1", "p/b/2", "p/c/1", "p/d", "p/e", "p/f/1", "q"})
    server_.put("models", key, "x");
  const auto all = run(store_->list({.prefix = Key("p/")}));
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->objects.size(), 7U);
  const auto folded = run(store_->list({.prefix = Key("p/"), .delimiter = "/"}));
  ASSERT_TRUE(folded);
  EXPECT_EQ(folded->objects.size(), 3U);
  EXPECT_EQ(folded->folders, (std::vector<Key>{Key("p/b/"), Key("p/c/"), Key("p/f/")}));
  const auto rest = run(store_->list({.prefix = Key("p/"), .start_after = Key("p/d")}));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->objects.size(), 2U);
}

TEST_F(ObjectStoreServerTest, puts_parts_together_and_shows_nothing_before) {
  const auto id = run(store_->begin_upload(Key("big")));
  ASSERT_TRUE(id);
  const std::string first(std::size_t{5} << 20, 'a');
  const auto two = run(store_->upload_part(Key("big"), *id, 2, "end", {}));
  const auto one = run(store_->upload_part(Key("big"), *id, 1, first, {}));
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(server_.objects("models").empty());
  EXPECT_EQ(run(store_->open_uploads(Key(""))).value().size(), 1U);
  ASSERT_TRUE(run(store_->complete_upload(Key("big"), *id, {*one, *two})));
  EXPECT_EQ(server_.objects("models").at("big").bytes, first + "end");
  EXPECT_EQ(server_.open_uploads(), 0U);
}

TEST_F(ObjectStoreServerTest, lets_one_of_two_conditional_puts_win) {
  EXPECT_TRUE(run(store_->put(Key("m"), "one", WriteCondition::kIfAbsent)));
  EXPECT_TRUE(run(store_->put(Key("m"), "one", WriteCondition::kIfAbsent)));
  EXPECT_EQ(run(store_->put(Key("m"), "two", WriteCondition::kIfAbsent)).error().code,
            ErrorCode::kAlreadyExists);
}

TEST_F(ObjectStoreServerTest, the_client_survives_what_passes) {
  for (const StoreFate fate : {StoreFate::kUnreachable, StoreFate::kLost, StoreFate::kAnswerLost,
                               StoreFate::kSlowDown, StoreFate::kInternal}) {
    break_requests(fate, 2);
    const Key key("k-" + std::to_string(static_cast<int>(fate)));
    const auto put = run(store_->put(key, "bytes", WriteCondition::kIfAbsent));
    EXPECT_TRUE(put) << static_cast<int>(fate) << ": " << put.error().message;
    EXPECT_EQ(server_.objects("models").at(key.str()).bytes, "bytes");
  }
}

TEST_F(ObjectStoreServerTest, a_refusal_is_not_absence) {
  break_requests(StoreFate::kForbidden, 1);
  EXPECT_EQ(run(store_->head(Key("a"))).error().code, ErrorCode::kForbidden);
}

TEST_F(ObjectStoreServerTest, a_failing_second_page_fails_the_listing) {
  for (int i = 0; i < 5; ++i)
    server_.put("models", "p/" + std::to_string(i), "x");
  server_.set_faults([](const StoreRequest& request) {
    const bool second = request.query.contains("continuation-token");
    return StoreAnswer{.fate = second ? StoreFate::kForbidden : StoreFate::kServed};
  });
  EXPECT_FALSE(run(store_->list({.prefix = Key("p/")})));
}

TEST_F(ObjectStoreServerTest, refuses_a_wrong_secret) {
  server_.put("models", "a", "x");
  store_ = make_store("another");
  EXPECT_EQ(run(store_->get(Key("a"), std::nullopt, 10)).error().code, ErrorCode::kUnauthorized);
}

TEST_F(ObjectStoreServerTest, takes_the_time_that_a_transfer_takes) {
  server_.put_sized("models", "big", Bytes(std::int64_t{2'000'000'000}));
  const MonotonicTime before = time_.monotonic();
  const auto data = run(store_->get(Key("big"), storage::ByteRange{0, 500'000'000}, 500'000'000));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->bytes.size(), 500'000'000U);
  EXPECT_GE(time_.monotonic() - before, std::chrono::milliseconds(500));
}

TEST_F(ObjectStoreServerTest, says_loudly_what_it_does_not_know) {
  cloud::HttpRequest request{.method = "GET", .url = ObjectStoreServer::endpoint()};
  request.url.path = "/models";
  request.url.query = "versioning=";
  const auto credentials = run(credentials_->get());
  ASSERT_TRUE(cloud::sign(request, *credentials,
                          {Region("us-east-1"), cloud::ServiceName("s3"), cloud::PathStyle::kS3},
                          time_.now()));
  const auto response = run(http_->send(request, std::chrono::seconds(1)));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 501);
}

}  // namespace
}  // namespace spillway::sim
