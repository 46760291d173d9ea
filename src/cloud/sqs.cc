#include <spillway/cloud/sqs.h>

#include <spillway/cloud/sigv4.h>
#include <spillway/cloud/xml.h>
#include <spillway/core/text.h>

namespace spillway::cloud {
namespace {

constexpr Duration kMargin = std::chrono::seconds(15);  // beyond the wait of a poll
constexpr const char* kVersion = "2012-11-05";

std::string seconds_of(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// All texts of elements with these names, in their order.
Result<std::vector<std::pair<std::string, std::string>>> texts_of(std::string_view xml) {
  std::vector<std::pair<std::string, std::string>> texts;
  XmlReader reader(xml);
  std::string open;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kDone) return texts;
    if (event.kind == XmlEvent::Kind::kStart) open = std::string(event.name);
    if (event.kind == XmlEvent::Kind::kEnd) open.clear();
    if (event.kind == XmlEvent::Kind::kText && !open.empty()) texts.emplace_back(open, event.text);
  }
}

Error refusal(const HttpResponse& response) {
  Error error = http_status_error(response);
  const auto texts = texts_of(response.body);
  if (!texts) return error;
  std::string code;
  std::string message;
  for (const auto& [name, text] : *texts) {
    if (name == "Code") code = text;
    if (name == "Message") message = text;
  }
  if (!code.empty()) error.message = "the queue says " + shorten(code + ": " + message, 300);
  return error;
}

}  // namespace

SqsClient::SqsClient(const Runtime& runtime, HttpClient& http, CredentialsProvider& credentials,
                     SqsQueue queue)
    : runtime_(runtime), http_(http), credentials_(credentials), queue_(std::move(queue)) {}

Task<Result<HttpResponse>> SqsClient::call(QueryParameters form, Duration timeout) {
  TRY_CO(credentials, co_await credentials_.get());
  form.emplace_back("Version", kVersion);
  HttpRequest request{.method = "POST",
                      .url = queue_.url,
                      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                      .body = encode_form(form)};
  const SigningScope scope{.region = queue_.region, .service = ServiceName("sqs")};
  TRY_VOID_CO(sign(request, credentials, scope, runtime_.clock.now()));
  TRY_CO(response, co_await http_.send(std::move(request), timeout));
  if (response.status != 200) co_return fail(refusal(response));
  co_return response;
}

Task<Result<std::vector<QueueMessage>>> SqsClient::receive() {
  QueryParameters form{{"Action", "ReceiveMessage"},
                       {"MaxNumberOfMessages", "10"},
                       {"WaitTimeSeconds", seconds_of(queue_.wait)},
                       {"VisibilityTimeout", seconds_of(queue_.visibility)}};
  TRY_CO(response, co_await call(std::move(form), queue_.wait + kMargin));
  TRY_CO(texts, texts_of(response.body));
  std::vector<QueueMessage> messages;
  std::string receipt;
  for (auto& [name, text] : texts) {
    if (name == "ReceiptHandle") {
      receipt = std::move(text);
    } else if (name == "Body") {
      messages.push_back({.receipt = std::exchange(receipt, {}), .body = std::move(text)});
    }
  }
  for (const QueueMessage& message : messages) {
    if (message.receipt.empty()) {
      co_return fail(ErrorCode::kInternal, "the queue sent a message without a receipt");
    }
  }
  co_return messages;
}

Task<Result<void>> SqsClient::remove(std::string receipt) {
  QueryParameters form{{"Action", "DeleteMessage"}, {"ReceiptHandle", std::move(receipt)}};
  TRY_CO(response, co_await call(std::move(form), kMargin));
  co_return Result<void>();
}

}  // namespace spillway::cloud
