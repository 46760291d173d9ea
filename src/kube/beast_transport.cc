#include <spillway/kube/beast_transport.h>

#include <spillway/kube/status_error.h>

#include "connection_pool.h"
#include "http_message.h"
#include "line_framer.h"

namespace spillway::kube {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kMaxErrorBody = std::size_t{1} << 20;  // of an answer that refuses a watch
constexpr const char* kMissingAnswer = "the request was sent and its answer is missing: ";

// Why an exchange failed, and whether a fresh connection may be tried at once.
struct ExchangeFailure {
  Error error;
  bool stale_connection =
      false;  // a kept connection that the server had given up; the request did not happen
};

template <class T>
using Exchange = tl::expected<T, ExchangeFailure>;

tl::unexpected<ExchangeFailure> failed(Error error, bool stale = false) {
  return tl::unexpected(ExchangeFailure{.error = std::move(error), .stale_connection = stale});
}

Error outcome_of(Error error, bool write, bool sent) {
  if (!write || !sent) return error;
  error.code = ErrorCode::kUnknownOutcome;
  error.message = kMissingAnswer + error.message;
  return error;
}

// Sends the request and reads until the head, or the whole answer, is there.
enum class Until { kHead, kEnd };
Task<Exchange<std::shared_ptr<ResponseReader>>> exchange(ConnectionPool::Connection connection,
                                                         std::string bytes, bool write, Until until,
                                                         std::size_t max_body,
                                                         MonotonicTime deadline) {
  const auto failure = co_await connection.stream->write(bytes, deadline);
  if (failure) {
    const bool sent = failure->sent > 0;
    co_return failed(outcome_of(failure->error, write, sent),
                     connection.reused && (!write || !sent));
  }
  const auto reader = std::make_shared<ResponseReader>(max_body, until == Until::kHead);
  std::string buffer(kReadSize, '\0');
  while (!(until == Until::kHead ? reader->head_complete() : reader->complete())) {
    const auto got = co_await connection.stream->read_some(buffer.data(), buffer.size(), deadline);
    Result<void> fed;
    if (!got)
      fed = tl::unexpected(got.error());
    else if (*got == 0)
      fed = reader->feed_end();
    else
      fed = reader->feed(std::string_view(buffer).substr(0, *got));
    if (fed) continue;
    const bool broken = fed.error().code == ErrorCode::kUnavailable;
    const bool stale = connection.reused && !write && broken && !reader->started();
    co_return failed(outcome_of(fed.error(), write, true), stale);
  }
  co_return reader;
}

class WatchStream final : public LineStream {
 public:
  WatchStream(std::shared_ptr<ByteStream> stream, std::shared_ptr<ResponseReader> reader,
              std::size_t max_line_bytes)
      : stream_(std::move(stream)), reader_(std::move(reader)), framer_(max_line_bytes) {}
  ~WatchStream() override { stream_->close(); }

  Task<Result<std::optional<std::string>>> next(MonotonicTime deadline) override {
    const auto stream = stream_;
    std::string buffer;
    while (true) {
      if (const std::string body = reader_->take_body(); !body.empty()) framer_.append(body);
      TRY_CO(line, framer_.next());
      if (line) co_return line;
      if (ended_ || reader_->complete()) co_return framer_.rest();
      buffer.resize(kReadSize);
      const auto got = co_await stream->read_some(buffer.data(), buffer.size(), deadline);
      if (!got) co_return tl::unexpected(got.error());
      if (*got == 0) {
        TRY_VOID_CO(reader_->feed_end());
        ended_ = true;
        continue;
      }
      TRY_VOID_CO(reader_->feed(std::string_view(buffer).substr(0, *got)));
    }
  }
  void close() override { stream_->close(); }

 private:
  std::shared_ptr<ByteStream> stream_;
  std::shared_ptr<ResponseReader> reader_;
  LineFramer framer_;
  bool ended_ = false;
};

class BeastTransport final : public Transport {
 public:
  BeastTransport(Runtime runtime, ServerAddress server, std::shared_ptr<Credentials> credentials,
                 BeastTransportOptions options)
      : runtime_(runtime),
        server_(server),
        credentials_(std::move(credentials)),
        options_(options),
        pool_(std::make_shared<ConnectionPool>(std::move(runtime), std::move(server),
                                               std::move(options))) {}
  ~BeastTransport() override { pool_->close(); }

  Task<Result<HttpResponse>> send(HttpRequest request, MonotonicTime deadline) override {
    TRY_CO(slot, co_await pool_->acquire(request.priority, deadline));
    TRY_CO(answer, co_await run(std::move(request), Until::kEnd, deadline));
    HttpResponse response = head_of(*answer.reader);
    response.body = answer.reader->take_body();
    if (answer.reader->reusable()) pool_->keep(slot.priority(), std::move(answer.connection));
    co_return response;
  }

  Task<Result<StreamResponse>> open(HttpRequest request, MonotonicTime deadline) override {
    TRY_CO(answer, co_await run(std::move(request), Until::kHead, deadline));
    StreamResponse response{.head = head_of(*answer.reader)};
    if (response.head.status == 200) {
      response.lines = std::make_unique<WatchStream>(answer.connection.stream, answer.reader,
                                                     options_.max_line_bytes);
      co_return response;
    }
    TRY_CO(body, co_await read_rest(answer, deadline));
    response.head.body = std::move(body);
    co_return response;
  }

  void close() override { pool_->close(); }

 private:
  struct Answer {
    ConnectionPool::Connection connection;
    std::shared_ptr<ResponseReader> reader;
  };

  // One exchange, with one more try on a fresh connection when a kept one was dead, and one with
  // fresh credentials after 401.
  Task<Result<Answer>> run(HttpRequest request, Until until, MonotonicTime deadline) {
    const bool write = mutating(request.method);
    bool fresh_connection = until == Until::kHead;
    bool fresh_credentials = false;
    while (true) {
      auto access = co_await credentials_->current();
      if (!access) co_return fail(unavailable(access.error()));
      TRY_CO(bytes, write_request(request, server_, access->authorization, options_.user_agent));
      auto connection =
          co_await pool_->connect(request.priority, access->tls, fresh_connection, deadline);
      if (!connection) co_return tl::unexpected(std::move(connection).error());
      // Connecting took its time: no byte leaves after the deadline.
      if (runtime_.clock.monotonic() >= deadline) {
        co_return fail(ErrorCode::kTimeout,
                       "the time for this request passed before it could be sent");
      }
      auto reader = co_await exchange(*connection, std::move(bytes), write, until,
                                      options_.max_body_bytes, deadline);
      if (!reader) {
        connection->stream->close();
        if (!reader.error().stale_connection) co_return fail(std::move(reader.error().error));
        fresh_connection = true;
        continue;
      }
      if ((*reader)->status() == 401 && !std::exchange(fresh_credentials, true)) {
        credentials_->rejected();
        connection->stream->close();
        continue;
      }
      co_return Answer{.connection = *std::move(connection), .reader = *std::move(reader)};
    }
  }

  // The rest of an answer that refuses a watch.
  Task<Result<std::string>> read_rest(Answer answer, MonotonicTime deadline) {
    std::string body = answer.reader->take_body();
    std::string buffer(kReadSize, '\0');
    while (!answer.reader->complete() && body.size() < kMaxErrorBody) {
      const auto got =
          co_await answer.connection.stream->read_some(buffer.data(), buffer.size(), deadline);
      if (!got) co_return tl::unexpected(got.error());
      const Result<void> fed = *got == 0
                                   ? answer.reader->feed_end()
                                   : answer.reader->feed(std::string_view(buffer).substr(0, *got));
      if (!fed) co_return tl::unexpected(fed.error());
      body += answer.reader->take_body();
    }
    answer.connection.stream->close();
    co_return body;
  }

  HttpResponse head_of(const ResponseReader& reader) {
    return {.status = reader.status(),
            .retry_after = parse_retry_after(reader.retry_after(), runtime_.clock.now())};
  }

  static Error unavailable(const Error& error) {
    Error wrapped = error.in("no credentials for the API server");
    wrapped.code = ErrorCode::kUnavailable;
    return wrapped;
  }

  Runtime runtime_;
  ServerAddress server_;
  std::shared_ptr<Credentials> credentials_;
  BeastTransportOptions options_;
  std::shared_ptr<ConnectionPool> pool_;
};

}  // namespace

std::unique_ptr<Transport> make_beast_transport(Runtime runtime, ServerAddress server,
                                                std::shared_ptr<Credentials> credentials,
                                                BeastTransportOptions options) {
  if (options.user_agent.empty()) options.user_agent = "spillway/" SPILLWAY_VERSION;
  return std::make_unique<BeastTransport>(std::move(runtime), std::move(server),
                                          std::move(credentials), std::move(options));
}

}  // namespace spillway::kube
