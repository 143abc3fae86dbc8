"""A market order by order: matching engine, flows of orders, a generative model, stylised facts."""
