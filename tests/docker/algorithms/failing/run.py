import sys

sys.stderr.write("Traceback: noise\n")
sys.stderr.write("No lung was found in the scan.\n")
sys.exit(3)
