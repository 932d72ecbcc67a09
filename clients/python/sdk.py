"""OpenAI's SDK for Python in its two forms, so that a test is written once for both.

A call is a function of the client. It must never hide an exception of the SDK.
"""

import asyncio

import openai

SYNC = "OpenAI for Python"
ASYNC = "OpenAI for Python, async"


class Sync:
    name = SYNC

    def __init__(self, **options):
        self.client = openai.OpenAI(**options)

    def ask(self, call):
        """What a call gives."""
        return call(self.client)

    def all(self, call):
        """Everything that a stream gives until its end."""
        with call(self.client) as stream:
            return list(stream)

    def first(self, call):
        """The first thing that a stream gives; then it is closed."""
        with call(self.client) as stream:
            return next(iter(stream))

    def managed(self, call, last):
        """The events of a helper that is entered (`.stream(…)`), and what `last` asks it then."""
        with call(self.client) as stream:
            return list(stream), last(stream)

    def close(self):
        self.client.close()


class Async:
    name = ASYNC

    def __init__(self, **options):
        self.client = openai.AsyncOpenAI(**options)
        self._loop = asyncio.new_event_loop()

    def ask(self, call):
        async def asked():
            return await call(self.client)

        return self._loop.run_until_complete(asked())

    def all(self, call):
        async def streamed():
            async with await call(self.client) as stream:
                return [one async for one in stream]

        return self._loop.run_until_complete(streamed())

    def first(self, call):
        async def begun():
            async with await call(self.client) as stream:
                return await anext(aiter(stream))

        return self._loop.run_until_complete(begun())

    def managed(self, call, last):
        async def streamed():
            async with call(self.client) as stream:
                return [one async for one in stream], await last(stream)

        return self._loop.run_until_complete(streamed())

    def close(self):
        self._loop.run_until_complete(self.client.close())
        self._loop.close()
