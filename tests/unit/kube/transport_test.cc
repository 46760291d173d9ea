// The real transport against a real server on the loopback, in real time.

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/kube/beast_transport.h>

#include "tls_server.h"

namespace spillway::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

const Authority& authority() {
  static const Authority made;
  return made;
}

class FakeCredentials final : public Credentials {
 public:
  Task<Result<Access>> current() override {
    if (failure) co_return fail(*failure);
    co_return access;
  }
  void rejected() override {
    ++rejections;
    if (!next_token.empty()) access.authorization = Secret(next_token);
  }
  Access access;
  std::string next_token;
  std::optional<Error> failure;
  int rejections = 0;
};

class TransportTest : public ::testing::Test {
 protected:
  void serve(TlsServer::Handler handler,
             TlsServer::Options options = {.identity = authority().issue("kube.internal")}) {
    server = std::make_unique<TlsServer>(std::move(options), std::move(handler));
    address = *ServerAddress::parse(server->url());
    material->ca = authority().certificate();
    credentials->access.tls = material;
  }
  Transport& connect(BeastTransportOptions options = {}) {
    transport = make_beast_transport(runtime, address, credentials, options);
    return *transport;
  }
  [[nodiscard]] MonotonicTime in(Duration duration) const { return clock->monotonic() + duration; }

  template <class T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    asio::co_spawn(io, std::move(task), [result](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      *result = std::move(value);
    });
    return result;
  }
  template <class T>
  T finish(const std::shared_ptr<std::optional<T>>& result) {
    const MonotonicTime limit = in(seconds(30));
    io.restart();
    while (!*result && clock->monotonic() < limit)
      io.run_one_for(milliseconds(50));
    if (!*result) throw std::runtime_error("the task did not end in time");
    return *std::move(*result);
  }
  template <class T>
  T run(Task<T> task) {
    return finish(start(std::move(task)));
  }
  static HttpRequest get(const char* target = "/api/v1/pods") { return {.target = target}; }
  static HttpRequest post(std::string body = "{}") {
    return {.method = Method::kPost,
            .target = "/x",
            .content_type = "application/json",
            .body = std::move(body)};
  }
  // Answers every request with its own body or target.
  static void echo(Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty();
         request = peer.read_request()) {
      const std::size_t body = request.find("\r\n\r\n") + 4;
      peer.answer(200, body < request.size() ? request.substr(body)
                                             : request.substr(0, request.find(" HTTP")));
    }
  }

  asio::io_context io;
  std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Timers> timers = make_system_timers(io.get_executor());
  std::unique_ptr<Random> random = make_random(1);
  Runtime runtime{io.get_executor(), *clock, *timers, *random};
  std::shared_ptr<FakeCredentials> credentials = std::make_shared<FakeCredentials>();
  std::shared_ptr<TlsMaterial> material = std::make_shared<TlsMaterial>();
  std::unique_ptr<TlsServer> server;
  ServerAddress address;
  std::unique_ptr<Transport> transport;
};

TEST_F(TransportTest, KeepsItsConnection) {
  serve(echo);
  connect();
  for (int i = 0; i < 5; ++i) {
    const auto got = run(transport->send(post("body " + std::to_string(i)), in(seconds(5))));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "body " + std::to_string(i));
  }
  EXPECT_EQ(server->connections(), 1);
}
TEST_F(TransportTest, WritesARequestThatAServerUnderstands) {
  serve([](Peer& peer) { peer.answer(200, peer.read_request()); });
  credentials->access.authorization = Secret("Bearer t0ken");
  address.path_prefix = "/prefix";
  connect({.user_agent = "spillway/test"});
  const auto got = run(transport->send(post("{\"a\":1}"), in(seconds(5))));
  ASSERT_TRUE(got);
  EXPECT_THAT(got->body, ::testing::StartsWith("POST /prefix/x HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(got->body, HasSubstr("\r\nAuthorization: Bearer t0ken\r\n"));
  EXPECT_THAT(got->body, HasSubstr("\r\nUser-Agent: spillway/test\r\n"));
  EXPECT_THAT(
      got->body,
      HasSubstr("\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"));
  EXPECT_THAT(got->body, Not(HasSubstr("gzip")));
}
TEST_F(TransportTest, ReadsStatusAndRetryAfter) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.answer(429, "slow", "Retry-After: 7\r\n");
  });
  connect();
  const auto got = run(transport->send(get(), in(seconds(5))));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 429);
  EXPECT_EQ(got->retry_after, seconds(7));
  EXPECT_EQ(got->body, "slow");
}
TEST_F(TransportTest, UsesABoundedNumberOfConnectionsAndServesEverybody) {
  std::atomic<int> busy = 0;
  std::atomic<int> most = 0;
  serve([&](Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty();
         request = peer.read_request()) {
      most = std::max<int>(most, ++busy);
      std::this_thread::sleep_for(milliseconds(20));  // a server that takes its time
      --busy;
      peer.answer(200, "ok");
    }
  });
  connect({.max_connections = 2});
  std::vector<std::shared_ptr<std::optional<Result<HttpResponse>>>> answers;
  for (int i = 0; i < 10; ++i)
    answers.push_back(start(transport->send(get(), in(seconds(20)))));
  for (const auto& answer : answers)
    EXPECT_TRUE(finish(answer));
  EXPECT_LE(most, 2);
  EXPECT_EQ(server->connections(), 2);
}
TEST_F(TransportTest, AWaiterGivesUpAtItsDeadlineAndTheLeaseDoesNotWait) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  serve([&](Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty();
         request = peer.read_request()) {
      if (request.find("/slow") != std::string::npos) released.wait();
      peer.answer(200, "ok");
    }
  });
  connect({.max_connections = 1, .max_waiting = 1});
  const auto slow = start(transport->send(get("/slow"), in(seconds(20))));
  const auto waiting = start(transport->send(get(), in(milliseconds(300))));
  const auto refused = start(transport->send(get(), in(seconds(20))));
  EXPECT_EQ(finish(refused).error().code, ErrorCode::kUnavailable) << "the queue is bounded";
  HttpRequest renewal = get("/lease");
  renewal.priority = Priority::kLease;
  EXPECT_TRUE(run(transport->send(renewal, in(seconds(5)))));
  EXPECT_EQ(finish(waiting).error().code, ErrorCode::kTimeout);
  release.set_value();
  EXPECT_TRUE(finish(slow));
}
TEST_F(TransportTest, NoticesThatAKeptConnectionWasClosed) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.answer(200, "ok");
  });  // and closes
  connect();
  for (int i = 0; i < 3; ++i) {
    const auto got = run(transport->send(post(), in(seconds(5))));
    ASSERT_TRUE(got) << got.error().message;
    // Until the client's kernel has seen the end of the connection.
    const MonotonicTime until = in(milliseconds(100));
    while (clock->monotonic() < until)
      io.run_one_for(milliseconds(10));
  }
  EXPECT_EQ(server->connections(), 3);
}
TEST_F(TransportTest, AReadOnADyingKeptConnectionIsRepeatedOnAFreshOne) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.answer(200, "ok");
    if (peer.number() == 1)
      peer.read_request();  // takes the second request and closes without a word
    else
      echo(peer);
  });
  connect();
  EXPECT_TRUE(run(transport->send(get(), in(seconds(5)))));
  EXPECT_TRUE(run(transport->send(get(), in(seconds(5)))));
  EXPECT_EQ(server->connections(), 2);
}
TEST_F(TransportTest, AWriteOnADyingKeptConnectionHasAnUnknownOutcome) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.answer(200, "ok");
    peer.read_request();
  });
  connect();
  EXPECT_TRUE(run(transport->send(get(), in(seconds(5)))));
  EXPECT_EQ(run(transport->send(post(), in(seconds(5)))).error().code, ErrorCode::kUnknownOutcome);
  EXPECT_EQ(server->connections(), 1);
}
TEST_F(TransportTest, AServerThatFallsSilentEndsAtTheDeadline) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.wait_until_closed(seconds(20));
  });
  connect();
  EXPECT_EQ(run(transport->send(get(), in(milliseconds(300)))).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(run(transport->send(post(), in(milliseconds(300)))).error().code,
            ErrorCode::kUnknownOutcome);
}
TEST_F(TransportTest, NothingLeavesAfterTheDeadline) {
  std::atomic<int> requests = 0;
  serve([&](Peer& peer) {
    while (!peer.read_request().empty())
      ++requests;
  });
  connect();
  EXPECT_EQ(run(transport->send(post(), in(milliseconds(-1)))).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(requests, 0);
}
TEST_F(TransportTest, AnAnswerCutOffInTheMiddleIsNotAnAnswer) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  connect();
  EXPECT_EQ(run(transport->send(get(), in(seconds(5)))).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(run(transport->send(post(), in(seconds(5)))).error().code, ErrorCode::kUnknownOutcome);
}
TEST_F(TransportTest, RefusesAnAnswerAboveItsLimitAndWhatIsNotHttp) {
  serve([](Peer& peer) {
    const std::string request = peer.read_request();
    if (request.find("/big") != std::string::npos)
      peer.answer(200, std::string(2000, 'x'));
    else
      peer.write("SSH-2.0-OpenSSH\r\n\r\n");
  });
  connect({.max_body_bytes = 1000});
  EXPECT_THAT(run(transport->send(get("/big"), in(seconds(5)))).error().message,
              HasSubstr("too large"));
  EXPECT_THAT(run(transport->send(get(), in(seconds(5)))).error().message, HasSubstr("not HTTP"));
}
TEST_F(TransportTest, ARefusedConnectionIsUnavailable) {
  serve(echo);
  server.reset();
  connect();
  const auto got = run(transport->send(post(), in(seconds(5))));
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, HasSubstr("Connection refused"));
}
TEST_F(TransportTest, AnUnknownNameIsUnavailable) {
  address = *ServerAddress::parse("https://does-not-exist.invalid");
  credentials->access.tls = material;
  connect();
  EXPECT_EQ(run(transport->send(get(), in(seconds(20)))).error().code, ErrorCode::kUnavailable);
}
TEST_F(TransportTest, PlainHttpWorksForHttpServers) {
  serve(echo, {});
  connect();
  EXPECT_EQ(run(transport->send(get("/a"), in(seconds(5))))->body, "GET /a");
}

// --- TLS ---

TEST_F(TransportTest, RefusesACertificateOfAnotherAuthority) {
  serve(echo);
  const Authority other;
  material->ca = other.certificate();
  connect();
  const auto got = run(transport->send(post(), in(seconds(5))));
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, HasSubstr("is not accepted: "));
}
TEST_F(TransportTest, RefusesACertificateForAnotherName) {
  serve(echo);
  address.tls_server_name = "another.internal";
  connect();
  EXPECT_THAT(run(transport->send(get(), in(seconds(5)))).error().message,
              HasSubstr("is not accepted"));
}
TEST_F(TransportTest, VerifiesTheNameThatTheKubeconfigGives) {
  serve(echo);
  address.tls_server_name = "kube.internal";
  connect();
  EXPECT_TRUE(run(transport->send(get(), in(seconds(5)))));
}
TEST_F(TransportTest, SkipsVerificationOnlyWhenTold) {
  serve(echo);
  material->ca.clear();
  connect();
  EXPECT_FALSE(run(transport->send(get(), in(seconds(5)))));
  address.insecure_skip_tls_verify = true;
  connect();
  EXPECT_TRUE(run(transport->send(get(), in(seconds(5)))));
}
TEST_F(TransportTest, SaysWhatIsWrongWithUnreadableMaterial) {
  serve(echo);
  material->ca = "nonsense";
  connect();
  EXPECT_THAT(run(transport->send(get(), in(seconds(5)))).error().message,
              HasSubstr("at least one PEM certificate"));
  auto broken = std::make_shared<TlsMaterial>(*material);
  broken->ca = authority().certificate();
  broken->client_certificate = "nonsense";
  credentials->access.tls = broken;
  EXPECT_THAT(run(transport->send(get(), in(seconds(5)))).error().message,
              HasSubstr("client certificate has to be PEM"));
}
TEST_F(TransportTest, PresentsItsClientCertificateAndFollowsARotation) {
  serve(
      [](Peer& peer) {
        while (!peer.read_request().empty())
          peer.answer(200, peer.client_name());
      },
      {.identity = authority().issue("kube.internal"), .client_ca = authority().certificate()});
  connect();
  for (const char* name : {"first", "second"}) {
    const Identity identity = authority().issue(name);
    credentials->access.tls = std::make_shared<TlsMaterial>(
        TlsMaterial{authority().certificate(), identity.certificate, Secret(identity.key)});
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(run(transport->send(get(), in(seconds(5))))->body, name);
  }
  EXPECT_EQ(server->connections(), 2) << "a rotation makes a new connection, and only one";
}
TEST_F(TransportTest, AHandshakeThatHangsEndsInItsOwnTime) {
  serve([](Peer& peer) { peer.wait_until_closed(seconds(20)); },
        {});  // takes the connection and says nothing
  address.tls = true;
  connect({.tls_handshake_timeout = milliseconds(200)});
  const auto got = run(transport->send(post(), in(seconds(20))));
  EXPECT_EQ(got.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(got.error().message, HasSubstr("TLS handshake"));
}

// --- credentials ---

TEST_F(TransportTest, A401IsAnsweredWithAFreshTokenOnce) {
  serve([](Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty();
         request = peer.read_request()) {
      const bool good = request.find("Bearer new") != std::string::npos;
      peer.answer(good ? 200 : 401, good ? "in" : "out");
    }
  });
  credentials->access.authorization = Secret("Bearer old");
  credentials->next_token = "Bearer new";
  connect();
  EXPECT_EQ(run(transport->send(post(), in(seconds(5))))->body, "in");
  EXPECT_EQ(credentials->rejections, 1);
  credentials->access.authorization = Secret("Bearer old");
  credentials->next_token.clear();
  EXPECT_EQ(run(transport->send(post(), in(seconds(5))))->status, 401) << "not for ever";
  EXPECT_EQ(credentials->rejections, 2);
}
TEST_F(TransportTest, AWatchIsOpenedWithAFreshTokenToo) {
  serve([](Peer& peer) {
    const bool good = peer.read_request().find("Bearer new") != std::string::npos;
    if (!good) return peer.answer(401, "out");
    peer.answer(200, "line\n");
  });
  credentials->access.authorization = Secret("Bearer old");
  credentials->next_token = "Bearer new";
  connect();
  const auto opened = run(transport->open(get(), in(seconds(5))));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->head.status, 200);
}
TEST_F(TransportTest, WithoutCredentialsNothingIsSent) {
  serve(echo);
  credentials->failure = Error{.code = ErrorCode::kInvalidArgument, .message = "no token"};
  connect();
  const auto got = run(transport->send(post(), in(seconds(5))));
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(got.error().message, "no credentials for the API server: no token");
  EXPECT_EQ(server->connections(), 0);
}
TEST_F(TransportTest, ATokenCannotSmuggleHeaders) {
  serve(echo);
  credentials->access.authorization = Secret("Bearer a\r\nX: y");
  connect();
  EXPECT_EQ(run(transport->send(get(), in(seconds(5)))).error().code, ErrorCode::kInvalidArgument);
}

// --- watches ---

class WatchTest : public TransportTest {
 protected:
  static constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::unique_ptr<LineStream> open(BeastTransportOptions options = {}) {
    connect(options);
    auto opened = run(transport->open(get("/api/v1/pods?watch=1"), in(seconds(5))));
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(opened->lines);
  }
  Result<std::optional<std::string>> next(LineStream& lines, Duration within = seconds(5)) {
    return run(lines.next(in(within)));
  }
};

TEST_F(WatchTest, CutsLinesWhateverTheChunks) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.write(kHead);
    peer.chunk("{\"a\"");
    peer.chunk(":1}\n{\"b\":2}\n{\"c\"");
    peer.chunk(":3}\n");
    peer.chunk("");
  });
  const auto lines = open();
  EXPECT_EQ(**next(*lines), "{\"a\":1}");
  EXPECT_EQ(**next(*lines), "{\"b\":2}");
  EXPECT_EQ(**next(*lines), "{\"c\":3}");
  const auto end = next(*lines);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_FALSE(*end);
}
TEST_F(WatchTest, SurvivesChunksCutAnywhereOnTheWire) {
  serve([](Peer& peer) {
    peer.read_request();
    for (const char c : std::string(kHead) + "8\r\none\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n") {
      peer.write(std::string_view(&c, 1));
    }
  });
  const auto lines = open();
  for (const char* line : {"one", "two", "three"})
    EXPECT_EQ(**next(*lines), line);
  EXPECT_FALSE(*next(*lines));
}
TEST_F(WatchTest, TakesManyLinesOutOfOneChunk) {
  std::string body;
  for (int i = 0; i < 20'000; ++i)
    body += "line " + std::to_string(i) + "\n";
  serve([&](Peer& peer) {
    peer.read_request();
    peer.write(kHead);
    peer.chunk(body);
    peer.chunk("");
  });
  const auto lines = open();
  for (int i = 0; i < 20'000; ++i)
    ASSERT_EQ(**next(*lines), "line " + std::to_string(i));
  EXPECT_FALSE(*next(*lines));
}
TEST_F(WatchTest, RefusesALineAboveItsLimit) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.write(kHead);
    peer.chunk("short\n");
    peer.chunk(std::string(5000, 'x'));
    peer.wait_until_closed(seconds(10));
  });
  const auto lines = open({.max_line_bytes = 1000});
  EXPECT_EQ(**next(*lines), "short");
  const auto got = next(*lines);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kInternal);
  EXPECT_THAT(got.error().message, HasSubstr("longer than 1000 bytes"));
}
TEST_F(WatchTest, ABodyCutOffIsNotACleanEnd) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.write(kHead);
    peer.chunk("one\n");
  });
  const auto lines = open();
  EXPECT_EQ(**next(*lines), "one");
  EXPECT_EQ(next(*lines).error().code, ErrorCode::kUnavailable);
}
TEST_F(WatchTest, SilenceEndsAtTheReadersDeadline) {
  std::promise<bool> closed;
  serve([&](Peer& peer) {
    peer.read_request();
    peer.write(kHead);
    peer.chunk("one\n");
    closed.set_value(peer.wait_until_closed(seconds(10)));
  });
  auto lines = open();
  EXPECT_EQ(**next(*lines), "one");
  EXPECT_EQ(next(*lines, milliseconds(200)).error().code, ErrorCode::kTimeout);
  lines.reset();
  EXPECT_TRUE(closed.get_future().get()) << "the connection is given up";
}
TEST_F(WatchTest, CloseWakesTheReader) {
  serve([](Peer& peer) {
    peer.read_request();
    peer.write(kHead);
    peer.chunk("one\n");
    peer.wait_until_closed(seconds(10));
  });
  const auto lines = open();
  EXPECT_EQ(**next(*lines), "one");
  const auto waiting = start(lines->next(in(seconds(20))));
  io.restart();
  io.run_one_for(milliseconds(50));
  lines->close();
  EXPECT_EQ(finish(waiting).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(next(*lines).error().code, ErrorCode::kCancelled);
}
TEST_F(WatchTest, ClosingTheTransportEndsEverything) {
  serve([](Peer& peer) {
    if (peer.read_request().find("watch=1") != std::string::npos) {
      peer.write(kHead);
      peer.chunk("one\n");
    }
    peer.wait_until_closed(seconds(10));
  });
  const auto lines = open({.max_connections = 1});
  EXPECT_EQ(**next(*lines), "one");
  const auto reading = start(lines->next(in(seconds(20))));
  const auto sending = start(transport->send(get(), in(seconds(20))));
  const auto waiting = start(transport->send(get(), in(seconds(20))));
  io.restart();
  const MonotonicTime until = in(milliseconds(200));
  while (clock->monotonic() < until)
    io.run_one_for(milliseconds(20));
  transport->close();
  EXPECT_EQ(finish(reading).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(finish(sending).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(finish(waiting).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(run(transport->send(get(), in(seconds(5)))).error().code, ErrorCode::kCancelled);
}
TEST_F(WatchTest, ARefusedWatchComesWithItsWholeBody) {
  const std::string body(200'000, 'x');
  serve([&](Peer& peer) {
    peer.read_request();
    peer.answer(410, body);
  });
  connect();
  const auto opened = run(transport->open(get(), in(seconds(5))));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->lines, nullptr);
  EXPECT_EQ(opened->head.status, 410);
  EXPECT_EQ(opened->head.body, body);
}
TEST_F(WatchTest, EveryWatchHasItsOwnConnectionOutsideThePool) {
  serve([](Peer& peer) {
    const bool watch = peer.read_request().find("watch=1") != std::string::npos;
    if (!watch) return peer.answer(200, "ok");
    peer.write(kHead);
    peer.wait_until_closed(seconds(10));
  });
  const auto first = open({.max_connections = 1});
  const auto second = run(transport->open(get("/api/v1/nodes?watch=1"), in(seconds(5))));
  ASSERT_TRUE(second);
  EXPECT_TRUE(run(transport->send(get(), in(seconds(5)))));
  EXPECT_EQ(server->connections(), 3);
}

}  // namespace
}  // namespace spillway::kube
