"""A live class: codes and phases kept on the server, light pages on routes beside Streamlit's own."""
