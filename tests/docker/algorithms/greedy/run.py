blocks = []
while True:
    blocks.append(b"\1" * 2**24)
