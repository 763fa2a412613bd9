# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server for guests: files from memory, on a port of the loopback
interface that the kernel chooses. Guests reach it through the gateway of the
user network."""
import http.server
import threading

GATEWAY = '10.0.2.2'


class WebServer:
    """A context manager that serves; thread-safe."""

    def __init__(self):
        self._files = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = outer._files.get(self.path)
                if data is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                       Handler)
        self._server.daemon_threads = True

    def offer(self, name, data):
        """Returns the URL at which guests find @data."""
        self._files['/' + name] = data
        return 'http://%s:%d/%s' % (GATEWAY, self._server.server_port, name)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()
