"""The few requests that the set-up makes of the API server: JSON over TLS, one connection per
request.
"""

import http.client
import json
import ssl


class ApiError(Exception):
    """The API server's own refusal: `.code` is the HTTP status, the text its message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """Speaks as whoever the client certificate or the token names."""

    def __init__(self, port, ca, certificate=None, key=None, token=None, host="127.0.0.1"):
        self._host = host
        self._port = port
        self._token = token
        self._context = ssl.create_default_context(cafile=ca)
        if certificate:
            self._context.load_cert_chain(certificate, key)

    def request(self, method, path, body=None, content_type="application/json", timeout=10):
        """Returns (status, text), whatever the status is."""
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = content_type
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout, context=self._context
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, path):
        return self._checked("GET", path)

    def create(self, path, body):
        return self._checked("POST", path, body)

    def patch(self, path, body):
        """A JSON merge patch."""
        return self._checked("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path):
        return self._checked("DELETE", path)

    def open(self, path):
        """A GET whose answer is read as it comes, such as a watch: (connection, response)."""
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        if response.status >= 300:
            text = response.read().decode()
            connection.close()
            raise ApiError(response.status, text)
        return connection, response

    def _checked(self, *request):
        status, text = self.request(*request)
        try:
            answer = json.loads(text)
        except json.JSONDecodeError:
            answer = {"message": text}
        if status >= 300:
            raise ApiError(status, answer.get("message", text))
        return answer
