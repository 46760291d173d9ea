#pragma once
// Amazon SQS as a reader needs it: long polls and acknowledgements, in the query protocol (form in,
// XML out, version 2012-11-05). Source: Amazon SQS API reference.

#include <string>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>
#include <spillway/core/ids.h>

namespace spillway::cloud {

struct QueueMessage {
  std::string receipt;  // of this delivery; a later one of the same message has another
  std::string body;
};

struct SqsQueue {
  Url url;  // "https://sqs.us-east-1.amazonaws.com/123456789012/spillway"
  Region region;
  Duration wait = std::chrono::seconds(20);        // of a poll; the most that SQS takes
  Duration visibility = std::chrono::seconds(60);  // until what is not removed comes again
};

class SqsClient {
 public:
  // What is referred to outlives the client.
  SqsClient(const Runtime& runtime, HttpClient& http, CredentialsProvider& credentials,
            SqsQueue queue);

  // At most ten; none when nothing came within `wait`. Errors as http_status_error(), the message
  // with the queue's own word.
  Task<Result<std::vector<QueueMessage>>> receive();
  // Removing twice succeeds.
  Task<Result<void>> remove(std::string receipt);

 private:
  Task<Result<HttpResponse>> call(QueryParameters form, Duration timeout);

  Runtime runtime_;
  HttpClient& http_;
  CredentialsProvider& credentials_;
  SqsQueue queue_;
};

}  // namespace spillway::cloud
