print("nothing to write")
