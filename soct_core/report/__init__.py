"""The report: reportlets that stages leave behind, and the pages that are made of them."""
