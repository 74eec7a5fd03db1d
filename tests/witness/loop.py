import asyncio
import sys


async def main():
    for port in (80, 443, 8080):
        try:
            await asyncio.open_connection("203.0.113.9", port)  # denied: connect
        except OSError:
            pass
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")  # denied: clone3
    await process.wait()


asyncio.run(main())
