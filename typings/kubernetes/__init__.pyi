# The client is generated and says nothing of its types: what comes from it is Any, and ours from there on.
